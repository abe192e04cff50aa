//! Uploads from readers: whole or not at all, and with the chunks of a file.

use std::io::{self, Read};

use tracklite::{Database, ErrorKind};

use crate::common::{TestDatabase, noise};

/// A reader that fails after its bytes.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the sender has gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_reader_is_logged_like_a_file() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    for (name, length) in [("empty", 0), ("small", 1000), ("large", 40 << 20)] {
        let bytes = noise(length, 3);
        artifacts.upload().reader(&bytes[..], name).unwrap();
        let chunks = database.chunk_count();
        artifacts.log_bytes(&bytes, "the same").unwrap();
        assert_eq!(database.chunk_count(), chunks, "{name}: both have the same chunks");
        let (one, other) = (artifacts.info(name).unwrap(), artifacts.info("the same").unwrap());
        assert_eq!((one.size, one.digest), (other.size, other.digest));
        assert!(artifacts.read(name).unwrap() == bytes, "{name}");
    }
    assert!(Database::verify(database.path()).unwrap().is_sound());
}

#[test]
fn a_reader_that_fails_logs_nothing() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("there", "there.txt").unwrap();
    for length in [0, 1000, 40 << 20] {
        let bytes = noise(length, 4);
        let error = artifacts.upload().reader(Broken(&bytes), "there.txt").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "the sender has gone");
        assert_eq!((artifacts.list_all().unwrap().len(), database.chunk_count()), (1, 1));
    }
    assert_eq!(artifacts.read("there.txt").unwrap(), b"there");
    assert!(Database::verify(database.path()).unwrap().is_sound());
}

#[test]
fn an_upload_can_refuse_to_replace() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let only_new = || artifacts.upload().only_new(true);
    only_new().bytes(b"1", "a.txt").unwrap();
    for other in [only_new().bytes(b"2", "a.txt"), only_new().reader(&b"2"[..], "a.txt")] {
        assert_eq!(other.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(artifacts.read("a.txt").unwrap(), b"1");
    artifacts.upload().bytes(b"3", "a.txt").unwrap();
    assert_eq!(artifacts.read("a.txt").unwrap(), b"3");
}

#[test]
fn a_reader_whose_shared_chunks_are_freed_must_be_repeated() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let bytes = noise(40 << 20, 5);
    artifacts.log_bytes(&bytes, "first.bin").unwrap();
    let mut is_freed = false;
    let upload = artifacts.upload().progress(|read| {
        if read > 20 << 20 && !is_freed {
            is_freed = true;
            artifacts.delete("first.bin")?;
            database.gc()?;
        }
        Ok(())
    });
    let error = upload.reader(&bytes[..], "second.bin").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(artifacts.list_all().unwrap().is_empty());
    artifacts.upload().reader(&bytes[..], "second.bin").unwrap();
    assert!(artifacts.read("second.bin").unwrap() == bytes);
}
