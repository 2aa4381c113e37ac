//! Where something fits, among the workers that can run it at all.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::room::Size;
use super::tree::Tree;

/// Most kinds with a tree of their own: a cluster has a few releases of Spark. Whatever else is asked for
/// is searched among all workers.
const KINDS_MAX: usize = 16;

/// A [`Tree`] of all workers, and one for each kind of which something was asked for: a worker that can't
/// run that has no room in it. So a pool of another release costs a search nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Trees {
    all: Tree,
    by_kind: BTreeMap<Kind, Tree>,
}

impl Trees {
    /// The tree of these, in their order, and those of the kinds that there were.
    pub fn renew(&mut self, sizes: &[Size], can: impl Fn(usize, Kind) -> bool) {
        self.all = Tree::of(sizes.iter().copied());
        for (kind, tree) in &mut self.by_kind {
            *tree = of_kind(sizes, |at| can(at, *kind));
        }
    }

    /// Makes the tree of `kind`, if there is none and there may be.
    pub fn prepare(&mut self, kind: Kind, can: impl Fn(usize) -> bool) {
        if self.by_kind.contains_key(&kind) || self.by_kind.len() >= KINDS_MAX {
            return;
        }
        let sizes: Vec<Size> = self.all.sizes().collect();
        self.by_kind.insert(kind, of_kind(&sizes, can));
    }

    /// Where to search for `kind`: what is found there has the room, and may still not be able to run it.
    pub fn of(&self, kind: Kind) -> &Tree {
        self.by_kind.get(&kind).unwrap_or(&self.all)
    }

    /// The sizes of all, in their order.
    pub fn sizes(&self) -> impl Iterator<Item = Size> {
        self.all.sizes()
    }

    /// The size at a position has changed, or what it can run.
    pub fn set(&mut self, at: usize, size: Size, can: impl Fn(Kind) -> bool) {
        self.all.set(at, size);
        for (kind, tree) in &mut self.by_kind {
            let size = if can(*kind) { size } else { Size::default() };
            tree.set(at, size);
        }
    }
}

fn of_kind(sizes: &[Size], can: impl Fn(usize) -> bool) -> Tree {
    let sizes = sizes.iter().enumerate();
    Tree::of(sizes.map(|(at, size)| if can(at) { *size } else { Size::default() }))
}
