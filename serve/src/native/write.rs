//! Answers as Python's `json.dumps` writes them.

use std::fmt::Write as _;

/// Writes a float as Python does: the shortest digits that read back as the same number.
pub(super) fn write_float(text: &mut String, number: f64) {
    if !number.is_finite() {
        text.push_str(match number {
            number if number.is_nan() => "NaN",
            number if number > 0.0 => "Infinity",
            _ => "-Infinity",
        });
        return;
    }
    let size = number.abs();
    // Writing to a text does not fail.
    let _ = match size == 0.0 || (1e-4..1e16).contains(&size) {
        true => write!(text, "{number:?}"),
        false => write_exponent(text, number),
    };
}

/// Writes a number with an exponent of at least two digits and with a sign.
fn write_exponent(text: &mut String, number: f64) -> std::fmt::Result {
    let written = format!("{number:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(text, "{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, wanted) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (-1e22, "-1e+22"),
            (1.234e300, "1.234e+300"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (0.00001, "1e-05"),
            (-1.5e-7, "-1.5e-07"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::from(0.1_f32), "0.10000000149011612"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut text = String::new();
            write_float(&mut text, number);
            assert_eq!(text, wanted);
        }
    }
}
