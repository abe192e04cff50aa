//! The operating system and the processor: all of the crate's unsafe code, and nothing else.
#![allow(unsafe_code, reason = "this module is where the crate's unsafe code lives")]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "tracklite's storage engine is written for 64-bit Linux: it needs locks that belong to an open \
     file description, fallocate, punched holes and MADV_DONTFORK. Other systems are not supported"
);

pub(crate) mod checksum;
pub(crate) mod descriptor;
pub(crate) mod fork;
pub(crate) mod linux;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod memory;

pub(crate) use linux as system;
