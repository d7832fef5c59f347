//! Passwords: kept as Argon2id makes them (RFC 9106, by OWASP's parameters: 19 MiB, two passes, one lane), made up where
//! nobody has one in mind.

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;

/// Fewest characters of a password that somebody chose, and most bytes.
pub const CHARS_MIN: usize = 12;
/// Most bytes; a device cannot send more than 64 KiB, and a person will not type so many.
pub const BYTES_MAX: usize = 1_024;
/// Fewest and most letters of the password in frames of HJ 212.
const FRAMES_CHARS: (usize, usize) = (6, 20);
/// Letters and digits that are not taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
/// Letters of a made-up password: five bits each, 130 in all.
const MADE_UP: usize = 26;
/// What is proved against where no password is kept, so that it takes as long: made of no password at all.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$KXK7BE2W3yhxugNMld4ncLkCS5TdJm+4AUqT3CVutwA";

/// Why a password is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short, too long, or not text.
    #[error(
        "password: {CHARS_MIN} characters at least and {BYTES_MAX} bytes at most are expected, none of them a control character"
    )]
    Form,
    /// Not one that a frame can carry.
    #[error("password: 6 to 20 letters or digits are expected, as frames of HJ 212 carry them")]
    Frames,
    /// The system gave no random bytes, or no memory.
    #[error("password: {0}")]
    System(String),
}

/// What is kept of a password.
///
/// # Errors
/// [`PasswordFault`] for one that cannot be taken.
pub fn kept(password: &str) -> Result<String, PasswordFault> {
    let sound = password.chars().count() >= CHARS_MIN
        && password.len() <= BYTES_MAX
        && !password.chars().any(char::is_control);
    if !sound {
        return Err(PasswordFault::Form);
    }
    hashed(password)
}

fn hashed(password: &str) -> Result<String, PasswordFault> {
    let made = Argon2::default().hash_password(password.as_bytes());
    let made = made.map_err(|cause| PasswordFault::System(cause.to_string()))?;
    Ok(made.to_string())
}

/// What is kept of the password in frames of HJ 212 (PW): six characters by the standard, and in the clear on its way.
///
/// # Errors
/// [`PasswordFault`] for one that a frame cannot carry.
pub fn kept_of_frames(password: &str) -> Result<String, PasswordFault> {
    let sound = (FRAMES_CHARS.0..=FRAMES_CHARS.1).contains(&password.len())
        && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !sound {
        return Err(PasswordFault::Frames);
    }
    hashed(password)
}

/// Whether a password is the one kept. Where none is kept it takes as long and is not.
pub fn prove(kept: Option<&str>, password: &[u8]) -> bool {
    let parsed = PasswordHash::new(kept.unwrap_or(NOBODYS));
    let proved =
        parsed.is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
    proved && kept.is_some()
}

/// A password that nobody chose.
///
/// # Errors
/// [`PasswordFault::System`] without random bytes.
pub fn made_up() -> Result<String, PasswordFault> {
    let mut bytes = [0; MADE_UP];
    getrandom::fill(&mut bytes).map_err(|cause| PasswordFault::System(cause.to_string()))?;
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte & 31)]);
    Ok(bytes.into_iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_proved_and_its_text_is_not_kept() {
        let kept = kept("rain in Jiangyin").expect("sound");
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert!(!kept.contains("rain"));
        assert!(prove(Some(&kept), b"rain in Jiangyin"));
        for wrong in [&b"rain in jiangyin"[..], b"", b"\xff\xff"] {
            assert!(!prove(Some(&kept), wrong), "{wrong:?}");
        }
        assert!(!prove(Some("no hash"), b"rain in Jiangyin"));
        assert!(!prove(None, b"rain in Jiangyin"));
        // What nobody has is a sound hash: proving against it takes its time.
        let nobodys = PasswordHash::new(NOBODYS).expect("sound");
        assert!(nobodys.hash.is_some_and(|hash| hash.len() == 32));
    }

    #[test]
    fn short_and_strange_passwords_are_refused() {
        for password in [
            "",
            "eleven char",
            "with a\ttabulator in it",
            &"x".repeat(1_025),
        ] {
            assert_eq!(kept(password), Err(PasswordFault::Form), "{password:?}");
        }
    }

    #[test]
    fn a_password_of_frames_is_short_and_plain() {
        let kept = kept_of_frames("123456").expect("as the standard has it");
        assert!(prove(Some(&kept), b"123456") && !prove(Some(&kept), b"123457"));
        for password in [
            "12345",
            "123 456",
            "12345;",
            "12345=",
            "密码密码",
            &"1".repeat(21),
        ] {
            assert_eq!(
                kept_of_frames(password),
                Err(PasswordFault::Frames),
                "{password:?}"
            );
        }
    }

    #[test]
    fn made_up_passwords_are_long_and_differ() {
        let (a, b) = (made_up().expect("random"), made_up().expect("random"));
        assert!(a.len() == 26 && a != b && a.is_ascii());
        assert!(kept(&a).is_ok());
    }
}
