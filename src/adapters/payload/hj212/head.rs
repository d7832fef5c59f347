//! The fields of a data segment, in any order.

use crate::adapters::payload::hj212::FrameFault;
use crate::domain::names::SourceId;

/// Longest QN that is repeated in an answer, in bytes. The standard's has 17 digits.
const QN_BYTES_MAX: usize = 32;
/// Longest password, in bytes. The standard's has six.
const PW_BYTES_MAX: usize = 64;
/// Most packets of one record.
const PACKETS_MAX: u32 = 9_999;
/// What texts that are repeated have to be.
const PRINTABLE: &str = "a short text of printable letters is expected";

/// The head of a data segment, and its data region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Identifies the exchange; repeated in the answer as it is.
    pub qn: Option<String>,
    /// The system.
    pub st: String,
    /// The command.
    pub cn: u16,
    /// The password.
    pub pw: String,
    /// The logger.
    pub mn: String,
    /// Flag; 0 where it is missing, as in 2005.
    pub flag: u8,
    /// Number of packets of a split record, and which of them this is.
    pub packet: Option<(u32, u32)>,
    /// Sent later than it should have been (HJ 212-2025).
    pub backfill: bool,
    /// Whether the region is encrypted (HJ 212-2025).
    pub encrypted: bool,
    /// What stands between `CP=&&` and `&&`.
    pub region: String,
}

/// The texts of the fields, each as it was given.
#[derive(Default)]
struct Fields<'a> {
    qn: Option<&'a str>,
    st: Option<&'a str>,
    cn: Option<&'a str>,
    pw: Option<&'a str>,
    mn: Option<&'a str>,
    flag: Option<&'a str>,
    pnum: Option<&'a str>,
    pno: Option<&'a str>,
    rf: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(parts: impl Iterator<Item = &'a str>) -> Result<Self, FrameFault> {
        let mut fields = Self::default();
        for part in parts {
            let Some((name, text)) = part.trim().split_once('=') else {
                continue;
            };
            let (name, place) = match name.trim().to_ascii_uppercase().as_str() {
                "QN" => ("QN", &mut fields.qn),
                "ST" => ("ST", &mut fields.st),
                "CN" => ("CN", &mut fields.cn),
                "PW" => ("PW", &mut fields.pw),
                "MN" => ("MN", &mut fields.mn),
                "FLAG" => ("Flag", &mut fields.flag),
                "PNUM" => ("PNUM", &mut fields.pnum),
                "PNO" => ("PNO", &mut fields.pno),
                "RF" => ("RF", &mut fields.rf),
                _ => continue,
            };
            let text = text.trim();
            if place.is_some_and(|given| given != text) {
                return Err(FrameFault::Twice { name });
            }
            *place = Some(text);
        }
        Ok(fields)
    }
}

impl Head {
    /// Reads a data segment.
    ///
    /// # Errors
    /// [`FrameFault`] that names the field.
    pub fn read(segment: &[u8]) -> Result<Self, FrameFault> {
        // Everything that is read is ASCII; texts in other codes pass by.
        let text = String::from_utf8_lossy(segment);
        let (before, rest) = text.split_once("CP=&&").ok_or(FrameFault::NoRegion)?;
        let (region, after) = rest.rsplit_once("&&").ok_or(FrameFault::NoRegion)?;
        let parts = before.split([';', ',']).chain(after.split([';', ',']));
        let fields = Fields::read(parts)?;
        let mn = fields.mn.filter(|mn| !mn.is_empty());
        let mn = mn.ok_or(FrameFault::Missing { name: "MN" })?;
        SourceId::new(mn)?;
        let cn = fields.cn.ok_or(FrameFault::Missing { name: "CN" })?;
        let cn = number(cn, 4).and_then(|cn| u16::try_from(cn).ok());
        let flag = fields.flag.map(flag_of).transpose()?;
        let packet = packet(fields.pnum, fields.pno, flag.unwrap_or_default())?;
        Ok(Self {
            qn: printable("QN", fields.qn, QN_BYTES_MAX)?,
            st: printable("ST", fields.st, 8)?.unwrap_or_default(),
            cn: cn.ok_or_else(|| field("CN", fields.cn, "four digits are expected"))?,
            pw: password(fields.pw)?,
            mn: mn.to_owned(),
            flag: flag.unwrap_or_default(),
            packet,
            backfill: fields.rf == Some("1"),
            encrypted: rest.starts_with('{'),
            region: region.to_owned(),
        })
    }

    /// Whether an answer is asked for.
    pub fn wants_answer(&self) -> bool {
        self.flag & 1 == 1
    }

    /// The edition by the flag's upper bits: 2005, 2017 or 2025.
    pub fn edition(&self) -> Option<u16> {
        match self.flag >> 2 {
            0 => Some(2005),
            1 => Some(2017),
            2 => Some(2025),
            _ => None,
        }
    }
}

fn field(name: &'static str, text: Option<&str>, expected: &'static str) -> FrameFault {
    FrameFault::Field {
        name,
        text: text.unwrap_or_default().chars().take(40).collect(),
        expected,
    }
}

/// The password; one that is none is not repeated.
fn password(text: Option<&str>) -> Result<String, FrameFault> {
    let hidden = |_| field("PW", Some("***"), PRINTABLE);
    let password = printable("PW", text, PW_BYTES_MAX).map_err(hidden)?;
    Ok(password.unwrap_or_default())
}

/// A text that goes back in an answer as it came.
fn printable(
    name: &'static str,
    text: Option<&str>,
    bytes_max: usize,
) -> Result<Option<String>, FrameFault> {
    let sound = |text: &&str| text.len() <= bytes_max && text.bytes().all(|b| b.is_ascii_graphic());
    match text {
        None => Ok(None),
        Some(given) => match Some(given).filter(sound) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(field(name, text, PRINTABLE)),
        },
    }
}

fn number(text: &str, digits_max: usize) -> Option<u32> {
    let sound = (1..=digits_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| sound)
}

fn flag_of(text: &str) -> Result<u8, FrameFault> {
    let read = number(text, 3).and_then(|flag| u8::try_from(flag).ok());
    read.ok_or_else(|| field("Flag", Some(text), "0 to 255 is expected"))
}

/// The packet of a split record; bit 1 of the flag says that there are such numbers.
fn packet(
    pnum: Option<&str>,
    pno: Option<&str>,
    flag: u8,
) -> Result<Option<(u32, u32)>, FrameFault> {
    if pnum.is_none() && pno.is_none() {
        return match flag & 2 == 2 {
            true => Err(FrameFault::Missing {
                name: "PNUM, which Flag says is there,",
            }),
            false => Ok(None),
        };
    }
    let (all, own) = (
        pnum.and_then(|n| number(n, 8)),
        pno.and_then(|n| number(n, 8)),
    );
    match (all, own) {
        (Some(all), Some(own)) if (1..=all).contains(&own) && all <= PACKETS_MAX => {
            Ok(Some((all, own)))
        }
        _ => Err(field("PNO", pno, "a number from 1 to PNUM is expected")),
    }
}
