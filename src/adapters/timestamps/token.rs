//! Questions and answers of RFC 3161 in DER. Of an answer all is read that says what was stamped, when, and for whom; the
//! signature and the certificates are carried along.

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDateTime;
use der::Decode;
use der::Reader;
use der::SliceReader;
use der::Tag;
use der::Tagged;
use der::asn1::AnyRef;
use sha2::Digest;
use sha2::Sha256;

/// When something was stamped.
pub type Time = DateTime<FixedOffset>;

/// Contents of identifiers: SHA-256, signed data, what a stamp says.
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04,
];
/// A question up to its imprint: version 1, SHA-256 without parameters, 32 bytes follow.
const BEFORE_IMPRINT: [u8; 24] = [
    0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];
/// Before the number used once, of eight bytes, and behind it: the certificate is asked for.
const BEFORE_NONCE: [u8; 2] = [0x02, 0x08];
const BEHIND_NONCE: [u8; 3] = [0x01, 0x01, 0xff];
/// Where in what a stamp says things stand; its number used once is the first whole number behind.
const POLICY_BEHIND: usize = 5;

/// A question for a stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    imprint: [u8; 32],
    nonce: [u8; 8],
}

impl Question {
    /// About a receipt, with a number that nobody can foresee.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn about(receipt: &str) -> Result<Question, String> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|cause| format!("no randomness: {cause}"))?;
        Ok(Question::new(receipt, nonce))
    }

    fn new(receipt: &str, mut nonce: [u8; 8]) -> Question {
        // A number above zero that takes all eight bytes has one way to be written.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        Question {
            imprint: Sha256::digest(receipt.as_bytes()).into(),
            nonce,
        }
    }

    /// As it is sent.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        [
            &BEFORE_IMPRINT[..],
            &self.imprint,
            &BEFORE_NONCE,
            &self.nonce,
            &BEHIND_NONCE,
        ]
        .concat()
    }

    /// When the answer says it was stamped, if it is the answer to this question.
    ///
    /// # Errors
    /// What it is instead.
    pub fn answered_by(&self, reply: &[u8]) -> Result<Time, String> {
        let content = said(reply)?;
        let info = within(whole(&content, Tag::Sequence)?)?;
        let [version, _, imprint, _, time, ..] = info.as_slice() else {
            return Err(odd());
        };
        if version.value() != [1] {
            return Err("a stamp of another version than 1".to_owned());
        }
        let imprint = within(*imprint)?;
        let [algorithm, hash] = imprint.as_slice() else {
            return Err(odd());
        };
        let sha_256 = within(*algorithm)?.first().map(|oid| oid.value()) == Some(SHA_256);
        if !sha_256 || hash.value() != self.imprint {
            return Err(
                "the stamp is of something else: its imprint is not the receipt's".to_owned(),
            );
        }
        let mut behind = info[POLICY_BEHIND..].iter();
        match behind.find(|part| part.tag() == Tag::Integer) {
            Some(nonce) if nonce.value() == self.nonce => {}
            Some(_) => {
                return Err("the stamp answers another question: its nonce is not ours".to_owned());
            }
            None => return Err("the stamp has no nonce".to_owned()),
        }
        moment(*time)
    }
}

fn odd() -> String {
    "the answer is no time stamp of RFC 3161".to_owned()
}

/// Reads one value that takes all the bytes.
fn whole(bytes: &[u8], tag: Tag) -> Result<AnyRef<'_>, String> {
    let any = AnyRef::from_der(bytes).map_err(|_| odd())?;
    if any.tag() == tag {
        Ok(any)
    } else {
        Err(odd())
    }
}

/// The values within another.
fn within(outer: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, String> {
    let mut reader = SliceReader::new(outer.value()).map_err(|_| odd())?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(AnyRef::decode(&mut reader).map_err(|_| odd())?);
    }
    Ok(parts)
}

/// The one value within another that names its place.
fn inner(outer: AnyRef<'_>) -> Result<AnyRef<'_>, String> {
    match within(outer)?.as_slice() {
        [one] => Ok(*one),
        _ => Err(odd()),
    }
}

/// What a stamp says, in DER, out of an answer that holds one.
fn said(reply: &[u8]) -> Result<Vec<u8>, String> {
    let answer = within(whole(reply, Tag::Sequence)?)?;
    let status = answer.first().ok_or_else(odd)?;
    let status = within(*status)?;
    match status.first().map(|status| status.value()) {
        Some([0 | 1]) => {}
        Some([other]) => return Err(format!("the authority refused, with status {other}")),
        _ => return Err(odd()),
    }
    let [_, token] = answer.as_slice() else {
        return Err(odd());
    };
    let token = within(*token)?;
    let [kind, signed] = token.as_slice() else {
        return Err(odd());
    };
    if kind.value() != SIGNED_DATA {
        return Err(odd());
    }
    let signed = within(inner(*signed)?)?;
    let [_, _, content, ..] = signed.as_slice() else {
        return Err(odd());
    };
    let content = within(*content)?;
    let [kind, content] = content.as_slice() else {
        return Err(odd());
    };
    if kind.value() != TST_INFO {
        return Err(odd());
    }
    let content = inner(*content)?;
    if content.tag() == Tag::OctetString {
        Ok(content.value().to_vec())
    } else {
        Err(odd())
    }
}

/// A time such as `20261122190000Z`, which may have parts of a second.
fn moment(time: AnyRef<'_>) -> Result<Time, String> {
    let text = std::str::from_utf8(time.value()).map_err(|_| odd())?;
    let text = text
        .strip_suffix('Z')
        .filter(|_| time.tag() == Tag::GeneralizedTime);
    let read = text.and_then(|text| NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S%.f").ok());
    Ok(read.ok_or_else(odd)?.and_utc().fixed_offset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A value of a tag around others.
    fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = content.len();
        let mut bytes = vec![tag];
        if length > 255 {
            bytes.extend([0x82, u8::try_from(length / 256).expect("short")]);
        } else if length > 127 {
            bytes.push(0x81);
        }
        bytes.push(u8::try_from(length % 256).expect("short"));
        bytes.extend(content);
        bytes
    }

    /// An authority's answer, without a signature.
    fn reply(status: u8, imprint: &[u8], nonce: &[u8], time: &str) -> Vec<u8> {
        let oid = |content: &[u8]| wrap(6, &[content]);
        let algorithm = wrap(0x30, &[&oid(SHA_256), &[5, 0]]);
        let info = wrap(
            0x30,
            &[
                &[2, 1, 1],
                &oid(&[0x2a, 3]),
                &wrap(0x30, &[&algorithm, &wrap(4, &[imprint])]),
                &[2, 1, 7],
                &wrap(0x18, &[time.as_bytes()]),
                &wrap(0x30, &[&[2, 1, 1]]),
                nonce,
            ],
        );
        let content = wrap(0x30, &[&oid(TST_INFO), &wrap(0xa0, &[&wrap(4, &[&info])])]);
        let signed = wrap(0x30, &[&[2, 1, 3], &[0x31, 0], &content, &[0x31, 0]]);
        let token = wrap(0x30, &[&oid(SIGNED_DATA), &wrap(0xa0, &[&signed])]);
        wrap(0x30, &[&wrap(0x30, &[&[2, 1, status]]), &token])
    }

    fn question() -> Question {
        Question::new("skr1.a.b.c", *b"\xf0234567\0")
    }

    fn check(reply: &[u8], expected: Result<&str, &str>) {
        let found = question().answered_by(reply).map(|at| at.to_rfc3339());
        let found = found.as_deref().map_err(String::as_str);
        match (found, expected) {
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            _ => assert_eq!(found, expected),
        }
    }

    #[test]
    fn an_answer_must_be_to_the_question() {
        let own = question();
        assert_eq!(own.nonce[0], 0x70);
        let number = |bytes: &[u8]| wrap(2, &[bytes]);
        let (imprint, nonce) = (&own.imprint[..], number(&own.nonce));
        let noon = "20261122040000Z";
        check(
            &reply(0, imprint, &nonce, noon),
            Ok("2026-11-22T04:00:00+00:00"),
        );
        check(
            &reply(1, imprint, &nonce, "20261122040000.25Z"),
            Ok("2026-11-22T04:00:00.250+00:00"),
        );
        check(
            &reply(2, imprint, &nonce, noon),
            Err("refused, with status 2"),
        );
        check(&reply(0, &[7; 32], &nonce, noon), Err("imprint is not"));
        check(
            &reply(0, imprint, &number(&[7]), noon),
            Err("nonce is not ours"),
        );
        check(&reply(0, imprint, &[1, 1, 0xff], noon), Err("has no nonce"));
        check(
            &reply(0, imprint, &nonce, "20261322040000Z"),
            Err("no time stamp"),
        );
        check(&[0x30, 5, 0x30, 3, 2, 1, 2], Err("refused, with status 2"));
        check(&[0x30, 5, 0x30, 3, 2, 1, 0], Err("no time stamp"));
        check(b"<html>", Err("no time stamp"));
        check(b"", Err("no time stamp"));
    }

    #[test]
    fn a_question_is_one_value_of_the_standard() {
        let der = question().to_der();
        let parts = within(whole(&der, Tag::Sequence).expect("one value")).expect("parts");
        let tags: Vec<Tag> = parts.iter().map(|part| part.tag()).collect();
        assert_eq!(
            tags,
            [Tag::Integer, Tag::Sequence, Tag::Integer, Tag::Boolean]
        );
        assert_eq!(parts[2].value(), question().nonce);
    }

    proptest! {
        /// No answer, however damaged, stops the program.
        #[test]
        fn any_bytes_are_read_or_refused(at in 0usize..200, byte in any::<u8>(), cut in 0usize..200) {
            let own = question();
            let mut bytes = reply(0, &own.imprint, &wrap(2, &[&own.nonce]), "20261122040000Z");
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = own.answered_by(&bytes);
            let whole = bytes.len();
            bytes.truncate(cut);
            prop_assert!(own.answered_by(&bytes).is_err() || cut >= whole);
        }
    }
}
