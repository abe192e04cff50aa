//! Sets of small numbers, and of years, as bits.

/// The first year of an expression.
pub(super) const YEAR_FIRST: u32 = 1970;
/// The last year of an expression, and the last whole year that a timestamp can hold.
pub(super) const YEAR_LAST: u32 = 2261;

/// A set of numbers below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) fn insert(&mut self, value: u32) {
        self.0 |= 1 << value;
    }

    pub(super) fn contains(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Returns the smallest number that is not below `from`.
    pub(super) fn next(self, from: u32) -> Option<u32> {
        let rest = self.0.checked_shr(from).unwrap_or(0);
        (rest != 0).then(|| from + rest.trailing_zeros())
    }

    /// Returns the smallest number, or 0 if there is none.
    pub(super) fn first(self) -> u32 {
        self.next(0).unwrap_or(0)
    }

    /// Returns the numbers that are at most `last`.
    pub(super) fn up_to(self, last: u32) -> Set {
        Set(self.0 & (u64::MAX >> (63 - last.min(63))))
    }

    pub(super) fn numbers(self) -> impl Iterator<Item = u32> {
        std::iter::successors(self.next(0), move |value| self.next(value + 1))
    }
}

/// A set of the years from [`YEAR_FIRST`] to [`YEAR_LAST`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct YearSet([Set; YEAR_SETS]);

/// Each set holds 64 years.
const YEAR_SETS: usize = (YEAR_LAST - YEAR_FIRST) as usize / 64 + 1;

impl YearSet {
    pub(super) fn insert(&mut self, year: u32) {
        let place = year - YEAR_FIRST;
        if let Some(set) = self.0.get_mut(place as usize / 64) {
            set.insert(place % 64);
        }
    }

    /// Returns the first year that is not before `from`.
    pub(super) fn next(&self, from: u32) -> Option<u32> {
        let place = from.saturating_sub(YEAR_FIRST);
        let first = place as usize / 64;
        let mut sets = self.0.iter().enumerate().skip(first);
        sets.find_map(|(index, set)| {
            let start = if index == first { place % 64 } else { 0 };
            Some(YEAR_FIRST + u32::try_from(index).ok()? * 64 + set.next(start)?)
        })
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        std::iter::successors(self.next(YEAR_FIRST), |year| self.next(year + 1))
    }
}
