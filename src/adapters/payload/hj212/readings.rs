//! A frame becomes readings, a sign of life, or a fault.

use crate::adapters::payload::Decoded;
use crate::adapters::payload::Decoder;
use crate::adapters::payload::PayloadFault;
use crate::adapters::payload::READINGS_MAX;
use crate::adapters::payload::Registered;
use crate::adapters::payload::Status;
use crate::adapters::payload::hj212::FrameFault;
use crate::adapters::payload::hj212::Label;
use crate::adapters::payload::hj212::MINUTES_S;
use crate::adapters::payload::hj212::frame::Frame;
use crate::adapters::payload::hj212::frame::opened;
use crate::adapters::payload::hj212::head::Head;
use crate::adapters::payload::hj212::items::Item;
use crate::adapters::payload::hj212::items::Items;
use crate::adapters::payload::hj212::items::Left;
use crate::adapters::payload::topic::Target;
use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::flag::is_plausible;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::SourceKind;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;

/// What a command is.
enum Command {
    /// Values of a moment.
    Moment,
    /// Means and totals of a period of so many seconds; with none, of the minutes that were agreed.
    Period(Option<u32>),
    /// A sign of life: requests for the time, heartbeats, logins, answers.
    Life,
    /// Anything else.
    Other,
}

impl Command {
    const fn of(cn: u16) -> Self {
        match cn {
            2011 | 2021 => Self::Moment,
            2051 => Self::Period(None),
            2111 => Self::Period(Some(300)),
            2061 => Self::Period(Some(3_600)),
            2031 | 2041 => Self::Period(Some(86_400)),
            1013 | 9011..=9015 | 9021 | 9022 => Self::Life,
            _ => Self::Other,
        }
    }
}

impl Decoder {
    /// Reads one frame that came by a topic.
    pub(in crate::adapters::payload) fn frame(
        &self,
        target: &Target,
        payload: &[u8],
        registered: Registered,
        now: Instant,
    ) -> Result<Decoded, PayloadFault> {
        let (sender, limit) = (target.sender(), self.hj212.segment_bytes_max);
        let frame = Frame::whole(payload, limit, self.hj212.crc(&sender))?;
        let mut head = Head::read(frame.segment)?;
        if target.kind == SourceKind::Logger && head.mn != target.source.as_str() {
            return Err(PayloadFault::from(FrameFault::Mn {
                frame: head.mn,
                topic: target.source.to_string(),
            }));
        }
        if head.encrypted {
            let key = self.hj212.key(&sender).ok_or(FrameFault::Encrypted)?;
            let plain = key.open(frame.segment).ok_or(FrameFault::Sealed)?;
            opened(&frame, &plain, self.hj212.crc(&sender))?;
            head = Head::read(&plain)?;
        }
        let period = match Command::of(head.cn) {
            Command::Life => {
                return Ok(Decoded {
                    status: Some(Status::Online),
                    ..Decoded::default()
                });
            }
            Command::Other => return Err(PayloadFault::from(FrameFault::Command { cn: head.cn })),
            Command::Moment => None,
            Command::Period(Some(length)) => Some(length),
            Command::Period(None) => Some(self.minutes(target, registered)?),
        };
        // The standard's times are those of Beijing.
        let zone = registered.zone.unwrap_or_else(Zone::beijing);
        let items = Items::read(&head.region, zone)?;
        let (time, text) = items.time.ok_or(FrameFault::Missing { name: "DataTime" })?;
        let stamped = Stamped {
            time: match period {
                None => time,
                Some(length) => ending(
                    &head,
                    (time, text),
                    length,
                    (self.hj212.label(&sender), zone),
                )?,
            },
            interval_s: period.unwrap_or(0),
            now,
        };
        let mut left = items.left;
        let mut readings = Vec::new();
        for item in items.items {
            self.item(target, item, &stamped, &mut left, &mut readings)?;
        }
        let left = left.text();
        match (readings.is_empty(), left) {
            (false, left) => Ok(Decoded {
                readings,
                left,
                status: None,
            }),
            (true, Some(left)) => Err(PayloadFault::Nothing { left }),
            (true, None) => Err(PayloadFault::Empty),
        }
    }

    /// How long minute records are: as set for the source, as registered, as set for all.
    fn minutes(&self, target: &Target, registered: Registered) -> Result<u32, FrameFault> {
        let own = self.hj212.own.get(&target.sender());
        let own = own.and_then(|own| own.minute_interval_s);
        let registered = registered.interval_s;
        let registered = registered.filter(|length| MINUTES_S.contains(length));
        let known = own.or(registered).or(self.hj212.common.minute_interval_s);
        known.ok_or(FrameFault::MinuteInterval)
    }

    fn item(
        &self,
        target: &Target,
        item: Item,
        stamped: &Stamped,
        left: &mut Left,
        readings: &mut Vec<Observation>,
    ) -> Result<(), PayloadFault> {
        let factor = match self.factor(target.kind, &item.code, &[]) {
            Ok(factor) => factor,
            Err(fault) => {
                left.add(|| fault.to_string());
                return Ok(());
            }
        };
        let flag = match item.flag.as_deref() {
            None | Some("") => self.normal.clone(),
            Some(text) => match Flag::new(text).ok().filter(is_plausible) {
                Some(flag) => flag,
                None => {
                    left.add(|| format!("the values of {factor}, whose flag {text:?} is none"));
                    return Ok(());
                }
            },
        };
        let mut values = item.values;
        if values.is_empty() && item.flag.is_some() {
            // A flag without a value is kept as a value that is missing.
            values.push((self.plain(stamped.interval_s), None));
        }
        let time = item.sampled.filter(|_| stamped.interval_s == 0);
        let time = time.unwrap_or(stamped.time);
        for (stat, value) in values {
            let key = SeriesKey {
                source: target.source.clone(),
                factor: Factor::clone(&factor),
                stat,
                interval_s: stamped.interval_s,
            };
            if readings
                .iter()
                .any(|one| one.key == key && one.reading.time == time)
            {
                left.add(|| format!("{} of {factor}, which two codes stand for", key.stat));
                continue;
            }
            if readings.len() == READINGS_MAX {
                return Err(PayloadFault::TooMany);
            }
            readings.push(Observation {
                key,
                reading: Reading {
                    time,
                    value,
                    flag: flag.clone(),
                    qc: self.rules.verdict(&factor, time, value, stamped.now),
                    review: Review::Raw,
                },
            });
        }
        Ok(())
    }
}

/// What all values of a frame share.
struct Stamped {
    time: Instant,
    interval_s: u32,
    now: Instant,
}

/// The end of a period of which DataTime names the start, or the end.
fn ending(
    head: &Head,
    (time, text): (Instant, String),
    interval_s: u32,
    (label, zone): (Label, Zone),
) -> Result<Instant, FrameFault> {
    let offset_s = i64::from(zone.offset().local_minus_utc());
    let within = (time.unix() + offset_s).rem_euclid(DAY_S);
    if within % i64::from(interval_s) != 0 {
        return Err(FrameFault::Grid {
            text,
            interval_s,
            cn: head.cn,
        });
    }
    let end = match label {
        Label::Start => time.plus_s(i64::from(interval_s)),
        Label::End => time,
    };
    let fault = FrameFault::Time {
        name: "DataTime",
        text,
    };
    end.is_writable().then_some(end).ok_or(fault)
}
