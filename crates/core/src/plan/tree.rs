//! Where something fits, without a look at every worker.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::room::Size;

/// The free cores and memory of all workers, by position: a binary tree in which each node has the most
/// cores and the most memory below it.
///
/// A search leaves out what is too small in either; it visits more than its way only where one worker
/// has the cores and another one the memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// How many positions there are.
    len: usize,
    /// The first leaf: a power of two. Node `n` has the children `2n` and `2n + 1`; 1 is the root.
    leaf: usize,
    nodes: Vec<Size>,
}

impl Tree {
    /// The tree of these, in their order.
    pub fn of(sizes: impl ExactSizeIterator<Item = Size>) -> Tree {
        let len = sizes.len();
        let leaf = len.next_power_of_two();
        let mut nodes = vec![Size::default(); 2 * leaf];
        for (at, size) in sizes.enumerate() {
            nodes[leaf + at] = size;
        }
        for node in (1..leaf).rev() {
            nodes[node] = nodes[2 * node].max(nodes[2 * node + 1]);
        }
        Tree { len, leaf, nodes }
    }

    /// The sizes, in their order.
    pub fn sizes(&self) -> impl Iterator<Item = Size> {
        self.nodes.iter().skip(self.leaf).take(self.len).copied()
    }

    /// The size at a position has changed.
    pub fn set(&mut self, at: usize, size: Size) {
        let mut node = self.leaf + at;
        self.nodes[node] = size;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node].max(self.nodes[2 * node + 1]);
        }
    }

    /// The first position from `from` on that holds `need`.
    pub fn first(&self, from: usize, need: Size) -> Option<usize> {
        if from >= self.len {
            return None;
        }
        // Up from the leaf, over every node whose positions are all from `from` on, in their order.
        let mut node = self.leaf + from;
        loop {
            if self.nodes[node].holds(need)
                && let Some(at) = self.first_below(node, need)
            {
                return Some(at);
            }
            while node % 2 == 1 {
                node /= 2;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
    }

    /// The positions from `from` on that hold `need`, in their order.
    pub fn holding(&self, from: usize, need: Size) -> impl Iterator<Item = usize> {
        let first = self.first(from, need);
        std::iter::successors(first, move |at| self.first(at + 1, need))
    }

    fn first_below(&self, node: usize, need: Size) -> Option<usize> {
        if !self.nodes[node].holds(need) {
            return None;
        }
        if node >= self.leaf {
            return Some(node - self.leaf);
        }
        let left = self.first_below(2 * node, need);
        left.or_else(|| self.first_below(2 * node + 1, need))
    }

    /// The positions that hold `need`: the one of which `value` is greatest first, of equals the first
    /// one. `value` must not be less for a size that has more.
    pub fn by_most(&self, need: Size, value: impl Fn(Size) -> u64) -> impl Iterator<Item = usize> {
        let mut open = BinaryHeap::new();
        let push = move |open: &mut BinaryHeap<_>, node: usize, first: usize, len: usize| {
            if self.nodes[node].holds(need) {
                open.push((value(self.nodes[node]), Reverse(first), node, len));
            }
        };
        if self.len > 0 {
            push(&mut open, 1, 0, self.leaf);
        }
        // No position below a node has a greater value than the node, or is before its first: so a leaf
        // that comes out is better than all that is still in there.
        std::iter::from_fn(move || {
            while let Some((_, Reverse(first), node, len)) = open.pop() {
                if node >= self.leaf {
                    return Some(first);
                }
                let half = len / 2;
                push(&mut open, 2 * node, first, half);
                push(&mut open, 2 * node + 1, first + half, half);
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size() -> impl Strategy<Value = Size> {
        (0..5_u32, 0..5_u64).prop_map(|(cores, memory_mib)| Size { cores, memory_mib })
    }

    proptest! {
        /// As if every position were looked at.
        #[test]
        fn a_search_finds_what_a_look_at_everything_finds(
            mut sizes in proptest::collection::vec(size(), 0..40),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), size()), 0..10),
            need in size(),
        ) {
            let mut tree = Tree::of(sizes.iter().copied());
            for (at, size) in changes {
                if !sizes.is_empty() {
                    let at = at.index(sizes.len());
                    sizes[at] = size;
                    tree.set(at, size);
                }
            }
            let holding = || (0..sizes.len()).filter(|at| sizes[*at].holds(need));
            for from in 0..=sizes.len() {
                prop_assert_eq!(tree.first(from, need), holding().find(|at| *at >= from));
            }
            let values: [fn(Size) -> u64; 3] = [|it| it.cores.into(), |it| it.memory_mib, |_| 0];
            for value in values {
                let mut best: Vec<usize> = holding().collect();
                best.sort_by_key(|at| (Reverse(value(sizes[*at])), *at));
                // Beyond the last position there is nothing, which holds a need of nothing.
                let found = tree.by_most(need, value).filter(|at| *at < sizes.len());
                prop_assert_eq!(found.collect::<Vec<_>>(), best);
            }
        }
    }
}
