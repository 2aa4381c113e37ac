//! What must hold of any bytes at all.

use vesta_javaser::graph::Node;
use vesta_javaser::{Graph, Limits, Problem, Stream, Value, View, WriteError, scala};

/// Limits small enough to be met.
pub const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 100,
    max_memory: 4 << 20,
};

/// Reads bytes, and if they are accepted does with them all that can be done. Nothing may panic, what is accepted is
/// written back unchanged, and what is refused is refused at a place in the stream.
pub fn check(bytes: &[u8]) -> Result<Stream, Problem> {
    let stream = match Stream::read(bytes, &LIMITS) {
        Ok(stream) => stream,
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            assert!(!error.to_string().contains('\n'), "one line of a log");
            return Err(error.problem);
        }
    };
    assert!(
        stream.write(&LIMITS).unwrap() == bytes,
        "written differently"
    );
    for (id, node) in stream.graph.nodes() {
        look(View::new(&stream.graph, Value::Ref(id)), node);
    }
    if let Ok(value) = stream.value() {
        let mut graph = Graph::new();
        let copy = graph.import(value);
        let limits = Limits {
            max_bytes: usize::MAX,
            ..LIMITS
        };
        match Stream::of(graph, copy).write(&limits) {
            Ok(_) | Err(WriteError::TooDeep { .. }) => {}
            Err(error) => panic!("a copy can't be written: {error}"),
        }
    }
    Ok(stream)
}

/// Looks at a node in every way.
fn look(view: View<'_>, node: &Node) {
    let _ = (
        view.kind(),
        view.text(),
        view.items(),
        view.constant(),
        view.class_literal(),
    );
    let _ = (
        view.int(),
        view.long(),
        view.double(),
        view.bool(),
        view.data(),
    );
    let _ = (
        scala::option(view),
        scala::seq(view),
        scala::map(view),
        scala::enumeration(view),
    );
    if let Node::Object(object) = node {
        for part in &object.parts {
            let Some(class) = view.graph().class(part.class) else {
                continue;
            };
            for field in &class.fields {
                let name = field.name.to_str_lossy();
                let _ = (
                    view.field(&name),
                    view.field_of(&class.name.to_str_lossy(), &name),
                );
            }
        }
    }
    let _ = view.field("no such field").map(|_| panic!("it has none"));
}
