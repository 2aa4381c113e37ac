//! Prints a message as the fixtures' descriptions do. (A part of the tests and not of the crate: what it prints may
//! hold the environment of whoever submitted a driver.)

use std::collections::HashMap;
use std::fmt::Write;

use vesta_javaser::graph::{Content, Elements, FieldDesc, Flags, Node};
use vesta_javaser::{Graph, NodeId, Stream, Value};

pub fn dump(stream: &Stream) -> String {
    let mut dump = Dump {
        graph: &stream.graph,
        out: String::new(),
        numbers: HashMap::new(),
    };
    let value = stream.value().unwrap().value();
    dump.value(value, 0);
    dump.out
        .push_str("\n\nClass descriptors (name, serialVersionUID, flags, fields, superclass):\n");
    dump.classes();
    dump.out
}

/// Panics at the first line that differs.
#[track_caller]
pub fn assert_same(ours: &str, theirs: &str) {
    for (line, (ours, theirs)) in (1..).zip(ours.lines().zip(theirs.lines())) {
        assert_eq!(ours, theirs, "line {line}");
    }
    assert_eq!(
        ours.trim_end(),
        theirs.trim_end(),
        "one goes on where the other ends"
    );
}

struct Dump<'g> {
    graph: &'g Graph,
    out: String,
    /// Objects and arrays, in the order in which they are met.
    numbers: HashMap<NodeId, usize>,
}

impl Dump<'_> {
    fn value(&mut self, value: Value, indent: usize) {
        let text = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Byte(value) => value.to_string(),
            Value::Char(value) => value.to_string(),
            Value::Short(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Long(value) => value.to_string(),
            Value::Float(value) => format!("{value:?}"),
            Value::Double(value) => format!("{value:?}"),
            Value::Ref(id) => return self.node(id, indent),
        };
        self.out.push_str(&text);
    }

    fn node(&mut self, id: NodeId, indent: usize) {
        if let Some(number) = self.numbers.get(&id) {
            write!(self.out, "-> #{number}").unwrap();
            return;
        }
        let pad = "  ".repeat(indent);
        match self.graph.node(id).unwrap() {
            Node::String(string) => {
                write!(self.out, "String '{}'", string.to_str().unwrap()).unwrap();
            }
            Node::ClassLiteral { class } => {
                let name = self.name(*class);
                write!(self.out, "class {name}").unwrap();
            }
            Node::Enum { class, constant } => {
                let constant = self.graph.string(*constant).unwrap().to_str().unwrap();
                let name = self.name(*class);
                write!(self.out, "enum {name}.{constant}").unwrap();
            }
            Node::Array { class, elements } => {
                let (number, name) = (self.number(id), self.name(*class));
                writeln!(self.out, "#{number} {name}({}) [", elements.len()).unwrap();
                let Elements::References(all) = elements else {
                    panic!("the captures have arrays of references only");
                };
                for value in all {
                    write!(self.out, "{pad}  ").unwrap();
                    self.value(*value, indent + 1);
                    self.out.push('\n');
                }
                write!(self.out, "{pad}]").unwrap();
            }
            Node::Object(object) => {
                let (number, name) = (self.number(id), self.name(object.class));
                writeln!(self.out, "#{number} {name} {{").unwrap();
                for part in &object.parts {
                    let class = self.graph.class(part.class).unwrap();
                    for (field, value) in class.fields.iter().zip(&part.fields) {
                        let (name, kind) = (field.name.to_str().unwrap(), self.type_of(field));
                        write!(self.out, "{pad}  {name}: {kind} = ").unwrap();
                        self.value(*value, indent + 1);
                        self.out.push('\n');
                    }
                    if let Some(data) = &part.data {
                        self.data(&self.name(part.class), data, indent + 1);
                    }
                }
                write!(self.out, "{pad}}}").unwrap();
            }
            Node::Class(_) | Node::Proxy(_) => panic!("the captures have no such values"),
        }
    }

    fn data(&mut self, class: &str, data: &[Content], indent: usize) {
        let pad = "  ".repeat(indent);
        writeln!(self.out, "{pad}(writeObject data of {class}:").unwrap();
        for content in data {
            write!(self.out, "{pad}  ").unwrap();
            match content {
                Content::Value(value) => self.value(*value, indent + 1),
                Content::Block(bytes) => {
                    write!(self.out, "block[{}] ", bytes.len()).unwrap();
                    for byte in bytes {
                        write!(self.out, "{byte:02x}").unwrap();
                    }
                }
            }
            self.out.push('\n');
        }
        writeln!(self.out, "{pad})").unwrap();
    }

    fn classes(&mut self) {
        for (_, node) in self.graph.nodes() {
            let Node::Class(class) = node else {
                continue;
            };
            // The descriptions leave the classes of enums out.
            if class.flags.has(Flags::ENUM) {
                continue;
            }
            let (name, uid, flags) = (class.name.to_str().unwrap(), class.uid, class.flags.0);
            write!(
                self.out,
                "  {name}  {uid}L ({uid:#018x})  flags={flags:#04x}"
            )
            .unwrap();
            if let Some(super_class) = class.super_class {
                let name = self.name(super_class);
                write!(self.out, "  super={name}").unwrap();
            }
            self.out.push('\n');
            for field in &class.fields {
                let (kind, name) = (self.type_of(field), field.name.to_str().unwrap());
                writeln!(self.out, "      {kind} {name}").unwrap();
            }
        }
    }

    fn number(&mut self, id: NodeId) -> usize {
        let number = self.numbers.len();
        self.numbers.insert(id, number);
        number
    }

    fn name(&self, class: NodeId) -> String {
        self.graph
            .class(class)
            .unwrap()
            .name
            .to_str()
            .unwrap()
            .into_owned()
    }

    fn type_of(&self, field: &FieldDesc) -> String {
        match field.type_name {
            Some(id) => self
                .graph
                .string(id)
                .unwrap()
                .to_str()
                .unwrap()
                .into_owned(),
            None => char::from(field.kind.letter()).to_string(),
        }
    }
}
