//! Cursors of changes: what a reader has seen of a file.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// A state of a file that a reader has seen, from `Database::changes`.
///
/// As text it can be kept, also beyond the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChangeCursor {
    /// A part of the id of the file.
    pub(crate) file: u64,
    /// The end of the chain.
    pub(crate) chain: u64,
    /// The last record of a run, experiment, logged model or artifact.
    pub(crate) runs: u64,
    /// The last record of the registry, or of an endpoint, a table or a job.
    pub(crate) registry: u64,
    /// A digest of the amount of unsealed points.
    pub(crate) points: u64,
    /// A digest of the writers and which of them are dead.
    pub(crate) writers: u64,
}

impl ChangeCursor {
    /// Returns the changes from an earlier state to this one. Without one, everything changed.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the other state is one of another file, or later than this
    ///   one.
    pub fn since(&self, earlier: Option<&ChangeCursor>) -> Result<Changes> {
        if let Some(earlier) = earlier {
            earlier.check_before(self)?;
        }
        let differs = |part: fn(&ChangeCursor) -> u64| {
            earlier.is_none_or(|earlier| part(earlier) != part(self))
        };
        Ok(Changes {
            cursor: *self,
            runs: differs(|cursor| cursor.runs),
            registry: differs(|cursor| cursor.registry),
            points: differs(|cursor| cursor.points),
            writers: differs(|cursor| cursor.writers),
        })
    }

    fn check_before(&self, later: &ChangeCursor) -> Result<()> {
        let reason = match () {
            () if self.file != later.file => "belongs to another file",
            () if self.chain > later.chain => "is ahead of the file, which was replaced",
            () => return Ok(()),
        };
        let message = format!("the cursor {self} {reason}: begin without a cursor");
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    fn numbers(&self) -> [u64; 6] {
        [self.file, self.chain, self.runs, self.registry, self.points, self.writers]
    }
}

/// Displays hexadecimal numbers that are separated by `-`.
impl fmt::Display for ChangeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [file, chain, runs, registry, points, writers] = self.numbers();
        write!(f, "{file:x}-{chain:x}-{runs:x}-{registry:x}-{points:x}-{writers:x}")
    }
}

impl FromStr for ChangeCursor {
    type Err = Error;

    /// Parses the text that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if it is another text.
    fn from_str(text: &str) -> Result<Self> {
        let number = |part: &str| {
            let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
            u64::from_str_radix(part, 16).ok().filter(|_| is_hex)
        };
        let numbers: Option<Vec<u64>> = text.split('-').map(number).collect();
        match numbers.as_deref() {
            Some(&[file, chain, runs, registry, points, writers]) => {
                Ok(ChangeCursor { file, chain, runs, registry, points, writers })
            }
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{text:?} is not a cursor: use the cursor of an earlier answer"),
            )),
        }
    }
}

/// The areas of a file that changed after a cursor, from `Database::changes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// The state now, for the next call.
    pub cursor: ChangeCursor,
    /// Whether runs, experiments, logged models or artifacts changed, points excluded.
    pub runs: bool,
    /// Whether the model registry, an endpoint, a table or a job changed.
    pub registry: bool,
    /// Whether points were logged. It may be true without new points after points were sealed.
    pub points: bool,
    /// Whether a writer opened or closed the file, or died.
    pub writers: bool,
}

impl Changes {
    /// Returns whether anything changed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.runs || self.registry || self.points || self.writers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: ChangeCursor =
        ChangeCursor { file: 1, chain: 20, runs: 3, registry: 4, points: 5, writers: 6 };

    #[test]
    fn changes_are_those_of_the_areas_that_differ() {
        let changes = CURSOR.since(Some(&ChangeCursor { chain: 10, points: 9, ..CURSOR })).unwrap();
        assert!(changes.points && changes.any());
        assert!(!(changes.runs || changes.registry || changes.writers));
        assert!(!CURSOR.since(Some(&CURSOR)).unwrap().any());
        let all = CURSOR.since(None).unwrap();
        assert!(all.runs && all.registry && all.points && all.writers);
        for other in [ChangeCursor { file: 2, ..CURSOR }, ChangeCursor { chain: 21, ..CURSOR }] {
            let error = CURSOR.since(Some(&other)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{other}");
        }
    }

    #[test]
    fn cursors_survive_printing_and_parsing() {
        let cursor = ChangeCursor {
            file: u64::MAX,
            chain: 65_536,
            runs: 1,
            registry: 0,
            points: 7,
            writers: 0x0123_4567_89ab_cdef,
        };
        assert_eq!(cursor.to_string(), "ffffffffffffffff-10000-1-0-7-123456789abcdef");
        assert_eq!(cursor.to_string().parse::<ChangeCursor>().unwrap(), cursor);
        for bad in ["", "1-2-3-4-5", "1-2-3-4-5-6-7", "1-2-3-4-5-+6", "1-2-3-4-5-g", "1-2-3-4-5-"] {
            let error = bad.parse::<ChangeCursor>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
