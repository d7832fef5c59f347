//! A map in parts, whose copies share every part that differs in nothing.
//!
//! Entering one document copies the ledger, so that whoever reads goes on reading the old one. With a million entries that
//! must not copy a million keys: only the part the new key falls into is copied, the rest is shared.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

/// Parts: of a million keys each has some thousand.
const PARTS: usize = 1_024;

/// The map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shards<K, V> {
    parts: Vec<Arc<BTreeMap<K, V>>>,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(BTreeMap::new());
        Self {
            parts: vec![empty; PARTS],
        }
    }
}

/// FNV-1a: the same on every run, so that maps of the same content are equal.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn part<Q: Hash + ?Sized>(key: &Q) -> usize {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    key.hash(&mut hasher);
    // The high half is mixed better than the low one.
    usize::try_from(hasher.finish() >> 32).map_or(0, |mixed| mixed % PARTS)
}

impl<K: Ord + Hash + Clone, V: Clone> Shards<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + Hash + ?Sized,
    {
        self.parts[part(key)].get(key)
    }

    /// Puts a value under a key, in the place of the one there.
    pub fn insert(&mut self, key: K, value: V) {
        let at = part(&key);
        Arc::make_mut(&mut self.parts[at]).insert(key, value);
    }

    /// Every key with its value, in the order of the keys.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<(&K, &V)> = self.parts.iter().flat_map(|part| part.iter()).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::credit::ledger::shards::Shards;

    #[test]
    fn a_copy_keeps_what_it_held_and_the_order_is_that_of_the_keys() {
        let mut map: Shards<Box<str>, u32> = Shards::default();
        for number in 0..3_000u32 {
            map.insert(format!("r{number:04}").into(), number);
        }
        let before = map.clone();
        map.insert("r0007".into(), 70_000);
        map.insert("s".into(), 1);
        assert_eq!((before.get("r0007"), before.get("s")), (Some(&7), None));
        assert_eq!((map.get("r0007"), map.get("s")), (Some(&70_000), Some(&1)));
        let sorted = before.sorted();
        assert_eq!(sorted.len(), 3_000);
        assert!(sorted.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_ne!(before, map);
    }
}
