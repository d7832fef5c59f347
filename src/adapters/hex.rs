//! Bytes as text.

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn every_byte_is_two_digits() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"\x00\x0f\xf0\xff", "000ff0ff"),
            (b"az", "617a"),
        ] {
            assert_eq!(hex(bytes), expected);
        }
    }
}
