//! A long list that grows at its end and shrinks at its front.
//!
//! It takes memory by the page: a `Vec` of a million rows is copied into one of twice the size as it grows, and what a
//! wasm module once took it never gives back.

use std::collections::VecDeque;

/// A list in pages.
#[derive(Clone, Debug)]
pub(super) struct Paged<T> {
    pages: VecDeque<Vec<T>>,
    /// Items of the front page that are gone.
    gone: usize,
    len: usize,
    /// Items of pages that were freed. Such a page is empty, and the places of all others stay what they are.
    freed: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: VecDeque::new(), gone: 0, len: 0, freed: 0 }
    }
}

impl<T> Paged<T> {
    /// Items in a page: a power of two, and 128 KiB at most.
    const PAGE: usize = (1 << 17) / size_of::<T>().next_power_of_two();

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The bytes it takes up, but for what is free in its last page.
    pub(super) const fn held(&self) -> usize {
        (self.gone + self.len - self.freed) * size_of::<T>()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let place = place.checked_add(self.gone)?;
        self.pages.get_mut(place / Self::PAGE)?.get_mut(place % Self::PAGE)
    }

    pub(super) fn push(&mut self, item: T) {
        if self.pages.back().is_none_or(|page| page.len() == Self::PAGE) {
            self.pages.push_back(Vec::with_capacity(Self::PAGE));
        }
        if let Some(page) = self.pages.back_mut() {
            page.push(item);
            self.len += 1;
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        let place = place.checked_add(self.gone)?;
        self.pages.get(place / Self::PAGE)?.get(place % Self::PAGE)
    }

    /// Drops the first `count` items.
    pub(super) fn drop_front(&mut self, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        self.gone += count;
        while self.gone >= Self::PAGE {
            if self.pages.pop_front().is_some_and(|page| page.is_empty()) {
                self.freed -= Self::PAGE;
            }
            self.gone -= Self::PAGE;
        }
        if self.len == 0 {
            self.pages.clear();
            (self.gone, self.freed) = (0, 0);
        }
    }

    /// Frees pages of which all items are of this kind. The last stays, since it may still be written to.
    pub(super) fn free_where(&mut self, is_it: impl Fn(&T) -> bool) {
        let count = self.pages.len().saturating_sub(1);
        for page in self.pages.iter_mut().take(count) {
            if !page.is_empty() && page.iter().all(&is_it) {
                *page = Vec::new();
                self.freed += Self::PAGE;
            }
        }
    }

    /// Drops items from the front as long as they are of this kind.
    pub(super) fn drop_front_while(&mut self, is_it: impl Fn(&T) -> bool) {
        let count = self.partition_point(is_it);
        self.drop_front(count);
    }

    /// How many items at the front are of this kind; none behind the first that is not may be.
    pub(super) fn partition_point(&self, is_it: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(&is_it) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order_while_the_front_goes() {
        let mut list = Paged::default();
        let mut first = 0;
        for number in 0..100_000_u64 {
            list.push(number);
            if number % 7 == 6 {
                list.drop_front(3);
                first += 3;
            }
        }
        assert_eq!(list.len() as u64, 100_000 - first);
        assert_eq!((list.get(0), list.get(list.len() - 1)), (Some(&first), Some(&99_999)));
        assert_eq!(list.get(list.len()), None);
        assert_eq!(list.partition_point(|number| *number < 90_000) as u64, 90_000 - first);
        list.drop_front_while(|number| *number < 99_990);
        assert_eq!((list.len(), list.get(0)), (10, Some(&99_990)));
        list.drop_front(11);
        assert_eq!((list.len(), list.pages.len()), (0, 0));
    }

    #[test]
    fn pages_without_anything_wanted_are_freed_and_places_stay() {
        let page = Paged::<u64>::PAGE;
        let mut list = Paged::default();
        for number in 0..(4 * page + 1) as u64 {
            list.push(number);
        }
        let (from, to) = (page as u64 / 2, 3 * page as u64);
        list.free_where(|number| (from..to).contains(number));
        assert_eq!(list.held(), (2 * page + 1) * size_of::<u64>(), "two whole pages of it");
        assert_eq!((list.get(page), list.get(3 * page)), (None, Some(&to)));
        assert_eq!(list.get(page - 1), Some(&(page as u64 - 1)));
        list.drop_front(2 * page + 5);
        assert_eq!((list.len(), list.held()), (2 * page - 4, (page + 1) * size_of::<u64>()));
        list.drop_front(2 * page - 5);
        assert_eq!((list.get(0), list.held()), (Some(&(4 * page as u64)), size_of::<u64>()));
        list.drop_front(1);
        list.push(7);
        assert_eq!((list.get(0), list.held()), (Some(&7), size_of::<u64>()));
    }
}
