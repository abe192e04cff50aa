//! How columns grow.

/// Appends a value, and leaves less room for more than `Vec` does. Columns are long, and most of
/// them grow seldom. Amortized O(1).
pub(super) fn push<T>(values: &mut Vec<T>, value: T) {
    if values.len() == values.capacity() {
        values.reserve_exact(values.len() / 8 + 4);
    }
    values.push(value);
}
