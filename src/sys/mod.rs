//! The interface to the operating system and the processor: all unsafe code of the crate.
#![allow(unsafe_code, reason = "this module is where the crate's unsafe code lives")]

#[cfg(not(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64")))]
compile_error!(
    "tracklite supports 64-bit Linux, and has unproven code for 64-bit macOS; Windows and other \
     systems are not supported"
);

pub(crate) mod checksum;
pub(crate) mod clock;
pub(crate) mod descriptor;
pub(crate) mod fork;
pub(crate) mod lock;
// Mapped writing needs locks that outlive a closed descriptor. Only Linux has them.
#[cfg(target_os = "linux")]
pub(crate) mod map;
pub(crate) mod memory;
pub(crate) mod mutex;
#[cfg_attr(not(target_os = "macos"), path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
pub(crate) mod system;
pub(crate) mod user;
