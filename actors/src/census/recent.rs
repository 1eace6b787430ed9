//! A map with a bound: what was not noted for longest is forgotten first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map keyed by names from outside, which holds a bounded number of them.
#[derive(Debug)]
pub struct Recent<K, V> {
    most: usize,
    /// Each value with the number under which it was last noted.
    values: HashMap<K, (u64, V)>,
    by_age: BTreeMap<u64, K>,
    last: u64,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// An empty map for at most so many.
    pub fn of_at_most(most: usize) -> Self {
        Self { most, values: HashMap::new(), by_age: BTreeMap::new(), last: 0 }
    }

    /// Notes the newest value; answers what is forgotten for it.
    pub fn note(&mut self, key: K, value: V) -> Option<(K, V)> {
        self.last += 1;
        self.by_age.insert(self.last, key.clone());
        if let Some((before, _)) = self.values.insert(key, (self.last, value)) {
            self.by_age.remove(&before);
        }
        if self.values.len() <= self.most {
            return None;
        }
        let (_, oldest) = self.by_age.pop_first()?;
        let (_, value) = self.values.remove(&oldest)?;
        Some((oldest, value))
    }

    /// The value noted under this key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// The same, to be changed where it stands.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    /// Forgets what is noted under this key.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (number, value) = self.values.remove(key)?;
        self.by_age.remove(&number);
        Some(value)
    }

    /// What was not noted for longest.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        let (_, key) = self.by_age.first_key_value()?;
        self.get(key).map(|value| (key, value))
    }

    /// Every key, from the one that was not noted for longest.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_age.values()
    }

    /// Whether nothing is noted.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail with the bound taken out of `note`.
    #[test]
    fn what_was_not_noted_for_longest_is_forgotten_first() {
        let mut recent = Recent::of_at_most(2);
        assert_eq!(recent.note("a", 1), None);
        assert_eq!(recent.note("b", 2), None);
        assert_eq!(recent.note("a", 3), None);
        assert_eq!(recent.note("c", 4), Some(("b", 2)));
        assert_eq!(recent.oldest(), Some((&"a", &3)));
        assert_eq!(recent.remove(&"a"), Some(3));
        assert_eq!((recent.oldest(), recent.get(&"a")), (Some((&"c", &4)), None));
    }

    #[test]
    fn a_hundred_thousand_names_leave_as_many_as_there_is_room_for() {
        let mut recent = Recent::of_at_most(100);
        for n in 0..100_000 {
            recent.note(n, n);
        }
        assert_eq!((recent.keys().count(), recent.oldest()), (100, Some((&99_900, &99_900))));
    }
}
