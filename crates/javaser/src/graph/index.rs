//! What new nodes may share with those that are there.

use std::collections::HashMap;

use super::{ClassKey, Graph, Node, NodeId};
use crate::mutf8::JavaString;

/// Classes by all that defines them, and type names by their text. A JVM writes each of these once per stream, and
/// then refers to it; so do streams that we put together from several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// Nodes before this one have been looked at.
    seen: usize,
    pub(crate) classes: HashMap<ClassKey, NodeId>,
    pub(crate) type_names: HashMap<JavaString, NodeId>,
}

impl Index {
    /// Looks at the nodes that were added since.
    pub(crate) fn catch_up(&mut self, graph: &Graph) {
        for (id, node) in graph.nodes().skip(self.seen) {
            let key = match node {
                Node::Class(class) => {
                    for type_name in class.fields.iter().filter_map(|field| field.type_name) {
                        if let Some(text) = graph.string(type_name) {
                            let known = self.type_names.entry(text.clone());
                            known.or_insert(type_name);
                        }
                    }
                    ClassKey::of_class(graph, class, class.super_class)
                }
                Node::Proxy(proxy) => ClassKey::of_proxy(proxy, proxy.super_class),
                _ => None,
            };
            if let Some(key) = key {
                self.classes.entry(key).or_insert(id);
            }
        }
        self.seen = graph.len();
    }
}
