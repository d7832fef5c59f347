//! What a frame of HJ 212 says of itself, noted as it comes in: of the whole frame, and by what is set for its source.

use std::sync::Arc;

use crate::adapters::inbound::recent::Said;
use crate::adapters::payload::hj212;
use crate::adapters::payload::hj212::Label;
use crate::adapters::payload::hj212::Reading;
use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::frame::Frame;
use crate::adapters::payload::hj212::head::Head;
use crate::domain::calendar::Zone;
use crate::domain::names::Source;
use crate::flow::directory::Directory;

/// Means of an hour.
const HOUR: u16 = 2_061;

/// How frames are read, and the zones of their sources.
pub struct Frames {
    reading: Reading,
    directory: Arc<Directory>,
}

impl Frames {
    /// Of sources in a directory, as they are read.
    pub fn new(reading: Reading, directory: Arc<Directory>) -> Self {
        Self { reading, directory }
    }

    /// What a message says of itself; none: it is no frame, or a damaged one.
    pub fn said(&self, source: &Source, payload: &[u8]) -> Option<Said> {
        let mut checks = vec![Variant::Hj, Variant::ModbusHigh, Variant::ModbusLow];
        if self.reading.crc(source).contains(&Variant::Unchecked) {
            checks.push(Variant::Unchecked);
        }
        let frame = Frame::whole(payload, self.reading.segment_bytes_max, &checks).ok()?;
        let head = Head::read(frame.segment).ok()?;
        let zone = self.directory.senders().zone(source);
        // As the frame's readings are read.
        let zone = zone.unwrap_or_else(Zone::beijing);
        let hour = (head.cn == HOUR).then(|| hj212::data_time(&head.region, zone));
        Some(Said {
            check: frame.crc.map_or("SM4", Variant::key),
            standard: frame.crc == Some(Variant::Hj),
            command: command(&head),
            sent: hj212::sent(&head, zone),
            hour: hour.flatten(),
            label_end: self.reading.label(source) == Label::End,
        })
    }
}

fn command(head: &Head) -> String {
    let edition = head
        .edition()
        .map_or("–".to_owned(), |year| year.to_string());
    let packet = head
        .packet
        .map_or(String::new(), |(all, own)| format!(" {own}/{all}"));
    let answer = if head.wants_answer() { " A" } else { "" };
    let Head { cn, st, flag, .. } = head;
    format!("CN={cn} ST={st} Flag={flag} ({edition}{answer}){packet}")
}
