//! Keys of receipts: Ed25519 (RFC 8032), or SM2 with SM3 (GB/T 32918.2-2016) where a bank's rules ask for the national
//! algorithms. A key is of one algorithm, and that alone decides how a signature is checked: what a receipt's head says must
//! agree, and chooses nothing.
//!
//! SM2 signs with the usual identity of the signer, `1234567812345678`, and nonces made of the message (RFC 6979), so that no
//! bad randomness can betray the secret.

use crate::adapters::credit_events::views::hex;
use crate::adapters::receipt::ReceiptFault;
use crate::adapters::receipt::unhex;
use ed25519_dalek::Signer;
use sha2::Digest;
use sha2::Sha256;
use sm2::dsa::signature::Verifier;

/// Characters of a key's identifier.
const KEY_ID_CHARS: usize = 16;
/// The identity that SM2 signs with where nothing else was agreed on (GM/T 0009).
const SIGNER: &str = "1234567812345678";
/// What the bytes of an SM2 key begin with: both coordinates follow.
const UNCOMPRESSED: u8 = 4;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Ed25519.
    #[default]
    Ed25519,
    /// SM2 with SM3.
    Sm2,
}

impl Algorithm {
    /// All there are.
    pub const ALL: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::Sm2];

    /// Its name in settings, files and lists of keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Ed25519 => "ed25519",
            Algorithm::Sm2 => "sm2",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What its receipts begin with; another format has another number.
    #[must_use]
    pub fn head(self) -> &'static str {
        match self {
            Algorithm::Ed25519 => "skr1",
            Algorithm::Sm2 => "skr1-sm2",
        }
    }
}

/// A secret as it is kept, with when it was made.
#[derive(Clone)]
pub struct Secret {
    /// How it signs.
    pub algorithm: Algorithm,
    /// The secret.
    pub bytes: [u8; 32],
    /// When it was made.
    pub created: String,
}

/// A key that signs.
#[derive(Clone)]
pub(super) enum Signing {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Sm2(Box<sm2::dsa::SigningKey>),
}

impl Signing {
    /// `None` of bytes that are no secret of the algorithm; of Ed25519 any are one.
    pub(super) fn new(secret: &Secret) -> Option<Signing> {
        Some(match secret.algorithm {
            Algorithm::Ed25519 => {
                Signing::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret.bytes).into())
            }
            Algorithm::Sm2 => {
                let key = sm2::dsa::SigningKey::from_slice(SIGNER, &secret.bytes);
                Signing::Sm2(key.ok()?.into())
            }
        })
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey(match self {
            Signing::Ed25519(key) => Verifying::Ed25519(key.verifying_key()),
            Signing::Sm2(key) => Verifying::Sm2(Box::new(key.verifying_key().clone())),
        })
    }

    pub(super) fn sign(&self, text: &str) -> [u8; 64] {
        match self {
            Signing::Ed25519(key) => key.sign(text.as_bytes()).to_bytes(),
            Signing::Sm2(key) => key.sign(text.as_bytes()).to_bytes().into(),
        }
    }
}

#[derive(Debug, Clone)]
enum Verifying {
    Ed25519(ed25519_dalek::VerifyingKey),
    Sm2(Box<sm2::dsa::VerifyingKey>),
}

/// A key that others check with.
#[derive(Debug, Clone)]
pub struct PublicKey(Verifying);

impl PublicKey {
    /// Reads 64 hexadecimal digits, a key of Ed25519, or 130, one of SM2: `04` and both coordinates.
    ///
    /// # Errors
    /// [`ReceiptFault::Key`].
    pub fn parse(text: &str) -> Result<PublicKey, ReceiptFault> {
        let key = match text.len() {
            64 => ed25519(text).map(Verifying::Ed25519),
            _ => sm2_key(text).map(|key| Verifying::Sm2(Box::new(key))),
        };
        let fault = || ReceiptFault::Key(text.chars().take(140).collect());
        key.map(PublicKey).ok_or_else(fault)
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Verifying::Ed25519(_) => Algorithm::Ed25519,
            Verifying::Sm2(_) => Algorithm::Sm2,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.0 {
            Verifying::Ed25519(key) => key.as_bytes().to_vec(),
            Verifying::Sm2(key) => key.to_sec1_bytes().into_vec(),
        }
    }

    /// Its hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> String {
        hex(&self.bytes())
    }

    /// The identifier: the first digits of the key's SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        let mut id = hex(&Sha256::digest(self.bytes()));
        id.truncate(KEY_ID_CHARS);
        id
    }

    /// Whether a signature is this key's over the text.
    pub(super) fn fits(&self, text: &str, signature: &[u8; 64]) -> bool {
        match &self.0 {
            Verifying::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_bytes(signature);
                key.verify_strict(text.as_bytes(), &signature).is_ok()
            }
            Verifying::Sm2(key) => {
                let signature = sm2::dsa::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(text.as_bytes(), &signature).is_ok())
            }
        }
    }
}

fn ed25519(text: &str) -> Option<ed25519_dalek::VerifyingKey> {
    ed25519_dalek::VerifyingKey::from_bytes(&unhex(text)?).ok()
}

fn sm2_key(text: &str) -> Option<sm2::dsa::VerifyingKey> {
    let bytes: [u8; 65] = unhex(text)?;
    if bytes[0] != UNCOMPRESSED {
        return None;
    }
    sm2::dsa::VerifyingKey::from_sec1_bytes(SIGNER, &bytes).ok()
}
