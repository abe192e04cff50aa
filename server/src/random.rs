//! Random bytes for tokens and ids.

use tracklite::Error;

/// Returns a number of random bytes in hexadecimal digits, for a token or an id.
pub(crate) fn random_hex(bytes: usize) -> tracklite::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| Error::io("reading random bytes", std::io::Error::other(error)))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
