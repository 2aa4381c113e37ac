//! A map that knows what may have changed in it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, Index};

use serde::{Deserialize, Serialize};

/// The newest changes that are remembered. Whoever has not looked for longer looks at everything; that
/// is as cheap as so many changes would be.
const REMEMBERED: usize = 16_384;

/// An ordered map that remembers which keys were touched last, so that what is derived from it (free
/// room, orders, executor tables) can follow at the cost of what changed.
///
/// The map can be changed through this type only, so nothing can be forgotten. What it remembers is no
/// part of the replicated state: it is not written, and two maps with the same entries are equal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(
    transparent,
    bound(
        serialize = "K: Serialize, V: Serialize",
        deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"
    )
)]
pub struct Tracked<K, V> {
    map: BTreeMap<K, V>,
    #[serde(skip, default = "VecDeque::new")]
    touched: VecDeque<K>,
    /// Touches that came before those that are remembered.
    #[serde(skip)]
    forgotten: u64,
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    /// As `BTreeMap`'s; the entry counts as touched, if there is one.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.touch(key);
        self.map.get_mut(key)
    }

    /// As `BTreeMap`'s.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let replaced = self.map.insert(key.clone(), value);
        self.remember(key);
        replaced
    }

    /// As `BTreeMap`'s.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (key, value) = self.map.remove_entry(key)?;
        self.remember(key);
        Some(value)
    }

    /// Notes that what is derived from this entry has changed, though the entry itself has not.
    pub fn touch<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((key, _)) = self.map.get_key_value(key) {
            let key = key.clone();
            self.remember(key);
        }
    }

    fn remember(&mut self, key: K) {
        if self.touched.len() >= REMEMBERED {
            self.touched.pop_front();
            self.forgotten += 1;
        }
        self.touched.push_back(key);
    }

    /// A point to ask [`Tracked::touched_since`] with later.
    pub fn now(&self) -> u64 {
        self.forgotten + self.touched.len() as u64
    }

    /// The keys that were touched since `then`, some of them more than once; `None` if that is too long
    /// ago to be remembered. `then` is a point of this map: whoever replaces the whole state, as
    /// restoring a snapshot does, has nobody left who follows it.
    pub fn touched_since(&self, then: u64) -> Option<impl Iterator<Item = &K>> {
        let skip = usize::try_from(then.checked_sub(self.forgotten)?).ok()?;
        (skip <= self.touched.len()).then(|| self.touched.iter().skip(skip))
    }
}

impl<K, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.map
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for Tracked<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        &self.map[key]
    }
}

impl<'a, K, V> IntoIterator for &'a Tracked<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::collections::btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.iter()
    }
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Tracked<K, V> {
        Tracked {
            map: BTreeMap::new(),
            touched: VecDeque::new(),
            forgotten: 0,
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Tracked<K, V> {
    fn eq(&self, other: &Tracked<K, V>) -> bool {
        self.map == other.map
    }
}

impl<K: Eq, V: Eq> Eq for Tracked<K, V> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(map: &Tracked<String, u32>, then: u64) -> Option<Vec<&str>> {
        let touched = map.touched_since(then)?;
        Some(touched.map(String::as_str).collect())
    }

    #[test]
    fn whoever_looks_again_sees_what_was_touched_since_and_nothing_else() {
        let mut map: Tracked<String, u32> = Tracked::default();
        map.insert("a".into(), 1);
        let then = map.now();
        assert_eq!(since(&map, then).unwrap(), [""; 0]);
        map.insert("b".into(), 2);
        *map.get_mut("a").unwrap() = 3;
        assert!(map.get_mut("c").is_none() && map.remove("c").is_none());
        map.remove("b");
        map.touch("a");
        map.touch("c");
        assert_eq!(since(&map, then).unwrap(), ["b", "a", "b", "a"]);
    }

    #[test]
    fn what_is_too_long_ago_is_not_answered_in_part() {
        let mut map: Tracked<String, u32> = Tracked::default();
        let then = map.now();
        map.insert("a".into(), 0);
        for _ in 1..REMEMBERED {
            map.touch("a");
        }
        assert_eq!(since(&map, then).unwrap().len(), REMEMBERED);
        map.touch("a");
        assert_eq!(since(&map, then), None);
        assert_eq!(since(&map, then + 1).unwrap().len(), REMEMBERED);
        assert_eq!(since(&map, map.now() + 1), None, "not a point of this map");
    }

    #[test]
    fn what_is_remembered_is_no_part_of_the_state() {
        let mut map: Tracked<String, u32> = Tracked::default();
        map.insert("a".into(), 1);
        let plain: BTreeMap<String, u32> = map
            .clone()
            .into_iter()
            .map(|(k, v)| (k.clone(), *v))
            .collect();
        assert_eq!(crate::codec::encode(&map), crate::codec::encode(&plain));
        let read: Tracked<String, u32> =
            crate::codec::decode("map", &crate::codec::encode(&map)).unwrap();
        map.touch("a");
        assert_eq!(read, map);
    }
}
