//! Refuses a program that the platform could not start: of the wrong architecture, or in need of a dynamic loader.

use std::fs;
use std::path::Path;

use crate::Result;

/// Program header type of the path of the dynamic loader; a static program has none (`man 5 elf`).
const PT_INTERP: u64 = 3;

/// Checks that `program` is a static 64-bit Linux executable for `architecture`.
///
/// # Errors
/// Names what is wrong. Host images pin no libc version, so a dynamic program may start today and not tomorrow.
pub fn require_static(program: &Path, architecture: &str) -> Result<()> {
    let bytes = fs::read(program)?;
    check(&bytes, architecture).map_err(|fault| format!("{}: {fault}", program.display()).into())
}

fn check(bytes: &[u8], architecture: &str) -> std::result::Result<(), String> {
    let cut = || "the ELF header is cut short".to_owned();
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err("not a 64-bit little-endian ELF file".into());
    }
    let machine = match number(bytes, 18, 2).ok_or_else(cut)? {
        62 => "x86_64",
        183 => "aarch64",
        _ => "another architecture",
    };
    if machine != architecture {
        return Err(format!("built for {machine}, wanted {architecture}"));
    }
    let (offset, size, count) = (
        number(bytes, 32, 8).ok_or_else(cut)?,
        number(bytes, 54, 2).ok_or_else(cut)?,
        number(bytes, 56, 2).ok_or_else(cut)?,
    );
    for index in 0..count {
        if number(bytes, offset.saturating_add(index * size), 4).ok_or_else(cut)? == PT_INTERP {
            return Err("linked dynamically; is `-C target-feature=-crt-static` set somewhere?".into());
        }
    }
    Ok(())
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], offset: u64, width: usize) -> Option<u64> {
    let start = usize::try_from(offset).ok()?;
    let field = bytes.get(start..start.checked_add(width)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header of `machine` with one program header of type `kind`.
    fn program(machine: u8, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = machine;
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64] = kind;
        bytes
    }

    #[test]
    fn a_static_program_passes() {
        assert_eq!(check(&program(62, 1), "x86_64"), Ok(()));
        assert_eq!(check(&program(183, 1), "aarch64"), Ok(()));
    }

    #[test]
    fn what_would_not_start_is_refused() {
        assert!(check(&program(62, 3), "x86_64").unwrap_err().starts_with("linked dynamically"));
        assert_eq!(check(&program(183, 1), "x86_64").unwrap_err(), "built for aarch64, wanted x86_64");
        assert_eq!(check(b"MZ", "x86_64").unwrap_err(), "not a 64-bit little-endian ELF file");
        assert_eq!(check(&program(62, 1)[..60], "x86_64").unwrap_err(), "the ELF header is cut short");
    }
}
