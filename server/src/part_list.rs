//! The parts of an upload that a request names.

use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, check, objects, text, whole};

/// The highest number of a part.
pub(crate) const PART_NUMBER_MAX: u32 = 100_000;

/// The argument with the parts.
pub(crate) const PARTS: Field =
    objects("parts", &[whole("part_number").required(), text("etag")]).required();

/// Returns the numbers and tags of the parts.
pub(crate) fn parts(args: &Map<String, Value>) -> Outcome<Vec<(u32, String)>> {
    check(&[PARTS], args)?;
    let parts = args.objects("parts");
    if parts.is_empty() {
        return Err(Failure::invalid("the upload has no parts: send one or more, or abort it"));
    }
    let parts = parts.into_iter().map(|part| {
        let number = number(part.whole("part_number").unwrap_or_default())?;
        Ok((number, part.text_or_empty("etag").to_owned()))
    });
    parts.collect()
}

/// Returns the number of a part.
pub(crate) fn number(number: i64) -> Outcome<u32> {
    let found = u32::try_from(number).ok().filter(|it| (1..=PART_NUMBER_MAX).contains(it));
    found.ok_or_else(|| {
        Failure::invalid(format!("part {number} cannot be: expected 1 to {PART_NUMBER_MAX}"))
    })
}
