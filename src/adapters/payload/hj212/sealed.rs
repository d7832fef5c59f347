//! Encrypted data regions of HJ 212-2025: SM4 (GB/T 32907) in ECB, whole blocks written as `{0xE4,0x3E,...}`, the rest in the clear.
//!
//! The check is that of the plain segment, so a wrong key shows as a wrong check. ECB without a key for integrity hides little and
//! proves nothing: it is read since the standard asks for it, not relied on.

use std::fmt;

use sm4::Sm4;
use sm4::cipher::Block;
use sm4::cipher::BlockCipherDecrypt as _;
use sm4::cipher::KeyInit as _;

/// Bytes of a block, and of a key.
const BLOCK: usize = 16;
/// What stands before the region.
const REGION: &str = "CP=&&";

/// The key of one logger.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; BLOCK]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Key {
    /// From sixteen characters, or 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(bytes) = text.as_bytes().try_into() {
            return Some(Self(bytes));
        }
        let sound = text.len() == 2 * BLOCK && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..2 * BLOCK).step_by(2).map(pair).collect();
        bytes.filter(|_| sound)?.try_into().ok().map(Self)
    }

    /// The plain data segment; nothing when the region is not written as the standard has it.
    pub(super) fn open(&self, segment: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(segment).ok()?;
        let (before, rest) = text.split_once(REGION)?;
        let (sealed, rest) = rest.strip_prefix('{')?.split_once('}')?;
        let byte = |text: &str| u8::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok();
        let mut bytes: Vec<u8> = sealed.split(',').map(byte).collect::<Option<_>>()?;
        if !bytes.len().is_multiple_of(BLOCK) {
            return None;
        }
        let cipher = Sm4::new(&self.0.into());
        for chunk in bytes.chunks_exact_mut(BLOCK) {
            let mut block = Block::<Sm4>::try_from(&*chunk).ok()?;
            cipher.decrypt_block(&mut block);
            chunk.copy_from_slice(&block);
        }
        Some(
            [
                before.as_bytes(),
                REGION.as_bytes(),
                &bytes,
                rest.as_bytes(),
            ]
            .concat(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_region_opens_with_its_key() {
        // The example of the standard: sixteen zeros, the first block of a region.
        let sealed: Vec<String> = [
            0xE4, 0x3E, 0x15, 0x9A, 0xCF, 0xAB, 0x24, 0x2C, 0xB5, 0x31, 0x55, 0xFB, 0x8B, 0x92,
            0x81, 0xA1,
        ]
        .iter()
        .map(|byte: &u8| format!("0x{byte:02X}"))
        .collect();
        let segment = format!("MN=M;CP=&&{{{}}}0;x-Rtd=1&&", sealed.join(","));
        let key = Key::parse("0000000000000000").expect("a key");
        let plain = key.open(segment.as_bytes()).expect("whole blocks");
        assert_eq!(plain, b"MN=M;CP=&&DataTime=20240520;x-Rtd=1&&");
        assert_eq!(
            Key::parse("30303030303030303030303030303030"),
            Some(key.clone())
        );
        assert_eq!(format!("{key:?}"), "(secret)");
        for bad in [
            "",
            "short",
            "0x303030303030303030303030303030",
            "000000000000000000",
        ] {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
        for bad in [
            "CP=&&{0x00}&&",
            "CP=&&{}&&",
            "CP=&&{0x00,&&",
            "CP=&&{zz}&&",
            "x",
        ] {
            assert_eq!(key.open(bad.as_bytes()), None, "{bad}");
        }
    }
}
