//! The check of a frame: the standard's own CRC (HJ 212-2017 Appendix A), and the two that loggers send for it.

/// The polynomial all of them share, reflected.
const POLYNOMIAL: u16 = 0xA001;
/// What the low byte of a register becomes by eight shifts.
const TABLE: [u16; 256] = table();

/// Which check a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// That of the standard: the low byte is dropped before each byte comes in.
    Hj,
    /// CRC-16/MODBUS, high byte first.
    ModbusHigh,
    /// CRC-16/MODBUS, low byte first.
    ModbusLow,
    /// Whatever stands there.
    Unchecked,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hj, Self::ModbusHigh, Self::ModbusLow, Self::Unchecked];

    /// The word in settings and on pages.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hj => "hj",
            Self::ModbusHigh => "modbus-hi",
            Self::ModbusLow => "modbus-lo",
            Self::Unchecked => "none",
        }
    }

    /// From the word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.key() == key)
    }
}

/// The sums of a data segment that checks are made of, in one pass over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// That of the standard.
    pub hj: u16,
    /// CRC-16/MODBUS, which XORs each byte into the whole register.
    pub modbus: u16,
}

impl Sums {
    /// Those of a segment.
    pub fn of(segment: &[u8]) -> Self {
        let none = Self {
            hj: 0xFFFF,
            modbus: 0xFFFF,
        };
        segment.iter().fold(none, |sums, byte| {
            let byte = u16::from(*byte);
            Self {
                hj: shifted((sums.hj >> 8) ^ byte),
                modbus: shifted(sums.modbus ^ byte),
            }
        })
    }

    /// Whether a check reads as it was sent.
    pub fn fits(self, variant: Variant, sent: u16) -> bool {
        match variant {
            Variant::Hj => self.hj == sent,
            Variant::ModbusHigh => self.modbus == sent,
            Variant::ModbusLow => self.modbus.swap_bytes() == sent,
            Variant::Unchecked => true,
        }
    }

    /// Which check fits, [`Variant::Unchecked`] left aside.
    pub fn found(self, sent: u16) -> Option<Variant> {
        let all = [Variant::Hj, Variant::ModbusHigh, Variant::ModbusLow];
        all.into_iter().find(|variant| self.fits(*variant, sent))
    }
}

/// The register after eight shifts.
fn shifted(register: u16) -> u16 {
    (register >> 8) ^ TABLE[usize::from(register & 0xFF)]
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let (mut at, mut register) = (0, 0_u16);
    while at < table.len() {
        let (mut shifts, mut value) = (0, register);
        while shifts < 8 {
            value = (value >> 1) ^ ((value & 1) * POLYNOMIAL);
            shifts += 1;
        }
        table[at] = value;
        at += 1;
        register += 1;
    }
    table
}

/// The standard's check of a data segment.
pub fn hj(segment: &[u8]) -> u16 {
    Sums::of(segment).hj
}

/// The four digits of a check as sent.
pub fn parse(digits: &[u8]) -> Option<u16> {
    let hexadecimal = digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| hexadecimal)?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_of_known_texts() {
        for (segment, own, other) in [
            ("", 0xFFFF, 0xFFFF),
            ("0", 0x5440, 0x54BF),
            ("123456789", 0x2F80, 0x4B37),
            ("ST=22", 0x30C0, 0x45B5),
            (
                "QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&",
                0x1C80,
                0x0759,
            ),
            (
                "QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&",
                0x2200,
                0xCCF4,
            ),
            (
                "QN=20160801085000001;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&",
                0xC241,
                0x1373,
            ),
            (
                "QN=20210412150404445;ST=21;CN=9014;PW=123456;MN=DXCBZ000000005;Flag=5;CP=&&&&",
                0x53C0,
                0xF73C,
            ),
            ("i11001-Info=//清洗管路//", 0x4380, 0x7AAB),
        ] {
            let bytes = segment.as_bytes();
            let sums = Sums::of(bytes);
            assert_eq!((sums.hj, sums.modbus), (own, other), "{segment}");
            assert!(sums.fits(Variant::ModbusLow, other.swap_bytes()));
        }
    }

    #[test]
    fn four_digits_and_nothing_else_are_a_check() {
        for (text, expected) in [
            ("1C80", Some(0x1C80)),
            ("1c80", Some(0x1C80)),
            ("+C80", None),
            ("1C8", None),
            ("1C800", None),
            ("XXXX", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
