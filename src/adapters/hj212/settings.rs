//! Limits of the listener and what it counts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::adapters::limits::DoorSettings;
use crate::adapters::limits::Speed;
use crate::adapters::payload::hj212::Reading;
use crate::adapters::payload::hj212::SEGMENT_BYTES_MAX;
use crate::adapters::payload::hj212::crc::Variant;
use crate::domain::names::Source;

/// Settings of the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggerSettings {
    /// Address to listen on; none: it does not run.
    pub listen: Option<SocketAddr>,
    /// Whether others than this machine may be listened to: there is no TLS.
    pub allow_plain: bool,
    /// Connections held at once; further ones are closed.
    pub connections_max: usize,
    /// Longest silence of a connection.
    pub idle_max: Duration,
    /// Time from connecting to a whole frame of a device, and from a frame's first byte to its last.
    pub frame_timeout: Duration,
    /// Time given to what waits for its verdict when the listener stops.
    pub drain_timeout: Duration,
    /// What one address may take.
    pub door: DoorSettings,
    /// How fast one logger may send.
    pub speed: Speed,
    /// Largest data segment, in bytes.
    pub segment_bytes_max: usize,
    /// Whose frames are read whatever their check.
    pub unchecked: Unchecked,
}

impl Default for LoggerSettings {
    fn default() -> Self {
        Self {
            listen: None,
            allow_plain: false,
            connections_max: 1_024,
            idle_max: Duration::from_secs(7_200),
            frame_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
            door: DoorSettings::default(),
            speed: Speed::default(),
            segment_bytes_max: SEGMENT_BYTES_MAX,
            unchecked: Unchecked::default(),
        }
    }
}

impl LoggerSettings {
    /// Takes over what is set for frames that come by any way.
    pub fn take(&mut self, reading: &Reading) {
        self.unchecked = Unchecked::of(reading);
        self.segment_bytes_max = reading.segment_bytes_max;
    }
}

/// Whose frames are read though their check fits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unchecked {
    any: bool,
    usual: bool,
    own: HashMap<Source, bool>,
}

impl Unchecked {
    fn of(reading: &Reading) -> Self {
        let unchecked = |taken: &[Variant]| taken.contains(&Variant::Unchecked);
        let own = reading.own.keys();
        let own: HashMap<Source, bool> = own
            .map(|source| (source.clone(), unchecked(reading.crc(source))))
            .collect();
        let usual = unchecked(&reading.common.crc);
        Self {
            any: usual || own.values().any(|own| *own),
            usual,
            own,
        }
    }

    /// Whether those of any source are.
    pub fn any(&self) -> bool {
        self.any
    }

    /// Whether those of this one are.
    pub fn takes(&self, source: &Source) -> bool {
        self.own.get(source).copied().unwrap_or(self.usual)
    }
}

/// What happened since the start, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open now.
    pub connections_open: AtomicU64,
    /// Connections accepted.
    pub connections_total: AtomicU64,
    /// Connections turned away: too many, or nothing of a device in time.
    pub connections_refused: AtomicU64,
    /// Connections cut off as the logger came by another one.
    pub taken_over: AtomicU64,
    /// Frames with an MN or PW of no device.
    pub unproved: AtomicU64,
    /// Times a logger was held back for being too fast.
    pub held_back: AtomicU64,
    /// Frames of devices, repeats included.
    pub received: AtomicU64,
    /// Frames found durable.
    pub durable: AtomicU64,
    /// Answers sent.
    pub answered: AtomicU64,
    /// What began as a frame and whose check fitted nothing.
    pub bad_crc: AtomicU64,
    /// What began as a frame and was none otherwise.
    pub bad_frames: AtomicU64,
    /// Bytes between frames.
    pub noise_bytes: AtomicU64,
}

impl Counters {
    /// Adds some.
    pub fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn count(counter: &AtomicU64) {
        Self::add(counter, 1);
    }

    /// All of them by name, for metrics.
    pub fn all(&self) -> [(&'static str, u64); 12] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("connections_open", read(&self.connections_open)),
            ("connections", read(&self.connections_total)),
            ("connections_refused", read(&self.connections_refused)),
            ("taken_over", read(&self.taken_over)),
            ("unproved", read(&self.unproved)),
            ("held_back", read(&self.held_back)),
            ("received", read(&self.received)),
            ("durable", read(&self.durable)),
            ("answered", read(&self.answered)),
            ("bad_crc", read(&self.bad_crc)),
            ("bad_frames", read(&self.bad_frames)),
            ("noise_bytes", read(&self.noise_bytes)),
        ]
    }
}
