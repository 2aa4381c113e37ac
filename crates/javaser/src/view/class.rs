//! Looking at classes.

use std::fmt;

use crate::graph::{ClassDesc, Graph, Node, NodeId};
use crate::read::shown;

/// A class descriptor together with the graph that it is in.
#[derive(Clone, Copy)]
pub struct ClassView<'g> {
    graph: &'g Graph,
    id: NodeId,
}

impl<'g> ClassView<'g> {
    pub(crate) fn new(graph: &'g Graph, id: NodeId) -> Self {
        Self { graph, id }
    }

    /// The graph that it is in.
    #[must_use]
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    /// Its node.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The descriptor; `None` for the class of a dynamic proxy.
    #[must_use]
    pub fn desc(self) -> Option<&'g ClassDesc> {
        self.graph.class(self.id)
    }

    /// The name, fit for one line of a log: control characters are escaped and a very long one is cut.
    #[must_use]
    pub fn name(self) -> String {
        let proxy = || "a dynamic proxy".to_owned();
        self.desc().map_or_else(proxy, |desc| shown(&desc.name))
    }

    /// Whether this is the class of this name.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        self.desc().is_some_and(|desc| desc.name.is(name))
    }

    /// The serialVersionUID; 0 for the class of a dynamic proxy, as in Java.
    #[must_use]
    pub fn uid(self) -> i64 {
        self.desc().map_or(0, |desc| desc.uid)
    }

    /// What it extends, if that is serializable.
    #[must_use]
    pub fn super_class(self) -> Option<Self> {
        let id = self.graph.node(self.id).and_then(Node::super_class)?;
        Some(Self { id, ..self })
    }
}

impl fmt::Debug for ClassView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassView({})", self.name())
    }
}
