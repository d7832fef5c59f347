//! Packets of both protocol versions in one shape, over `rmqtt-codec`.
//!
//! Only what a listener for publishers needs: everything a client may send becomes a [`Received`], everything
//! we answer is a method that appends to the output. What 3.1.1 cannot say is not said there.

use std::num::NonZeroU16;

use bytes::Bytes;
use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::MqttCodec;
use rmqtt_codec::MqttPacket;
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::types::Publish;
use rmqtt_codec::v3;
use rmqtt_codec::v5;
use rmqtt_codec::v5::DisconnectReasonCode;
use rmqtt_codec::v5::PublishAckReason;
use rmqtt_codec::v5::ToReasonCode;
use rmqtt_codec::version::ProtocolVersion;
use rmqtt_codec::version::VersionCodec;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;

/// A packet that cannot be read, with the reason code that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireFault {
    /// Reason code for MQTT 5.
    pub(super) reason: DisconnectReasonCode,
    /// What the codec said.
    pub(super) cause: String,
}

/// What a CONNECT asks for.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) client_id: ByteString,
    pub(super) keep_alive_s: u16,
    pub(super) will: Option<Will>,
    pub(super) username: Option<ByteString>,
    pub(super) password: Option<Bytes>,
    /// Whether an authentication exchange is asked for, which there is none of here.
    pub(super) exchange: bool,
}

/// The message a client leaves for the case that it is lost.
#[derive(Clone, Debug)]
pub(super) struct Will {
    pub(super) topic: ByteString,
    pub(super) payload: Bytes,
}

/// A packet after CONNECT.
#[derive(Debug)]
pub(super) enum Received {
    Publish(Box<Publish>),
    Release(NonZeroU16),
    Subscribe {
        packet_id: NonZeroU16,
        filters: usize,
    },
    Unsubscribe {
        packet_id: NonZeroU16,
        filters: usize,
    },
    Ping,
    Goodbye {
        with_will: bool,
    },
    OutOfPlace,
}

/// What an MQTT 5 CONNACK announces.
#[derive(Clone, Debug)]
pub(super) struct Welcome {
    pub(super) receive_maximum: NonZeroU16,
    pub(super) packet_bytes_max: u32,
    pub(super) topic_alias_max: u16,
    pub(super) assigned_client_id: Option<String>,
    pub(super) server_keep_alive_s: Option<u16>,
}

/// Why a CONNECT is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Version,
    ClientId,
    Password,
    NotPermitted,
    Exchange,
    Malformed,
    TooLarge,
    Stopping,
}

/// The codec of one connection.
#[derive(Debug)]
pub(super) struct Wire {
    codec: MqttCodec,
}

/// The protocol version a connection opens with; `None` while too few bytes are there.
pub(super) fn version(input: &mut BytesMut) -> Result<Option<ProtocolVersion>, WireFault> {
    VersionCodec.decode(input).map_err(WireFault::new)
}

impl WireFault {
    fn new(fault: DecodeError) -> Self {
        let reason = match fault {
            DecodeError::Utf8Error => DisconnectReasonCode::MalformedPacket,
            _ => fault.to_reason_code(),
        };
        Self {
            reason,
            cause: fault.to_string(),
        }
    }
}

impl Wire {
    /// A codec of the version that reads packets of up to `packet_bytes_max` bytes after their header.
    pub(super) fn new(version: ProtocolVersion, packet_bytes_max: u32) -> Self {
        let codec = match version {
            ProtocolVersion::MQTT3 => MqttCodec::V3(v3::Codec::new(packet_bytes_max)),
            ProtocolVersion::MQTT5 => MqttCodec::V5(v5::Codec::new(packet_bytes_max, 0)),
        };
        Self { codec }
    }

    /// Whether reason codes can be said.
    pub(super) fn has_reasons(&self) -> bool {
        matches!(self.codec, MqttCodec::V5(_))
    }

    /// Changes the size limit once the client is known.
    pub(super) fn set_packet_bytes_max(&mut self, packet_bytes_max: u32) {
        match &mut self.codec {
            MqttCodec::V3(codec) => codec.set_max_size(packet_bytes_max),
            MqttCodec::V5(codec) => codec.set_max_inbound_size(packet_bytes_max),
            MqttCodec::Version(_) => {}
        }
    }

    /// The CONNECT packet. `Ok(None)` while it is not whole.
    pub(super) fn hello(&mut self, input: &mut BytesMut) -> Result<Option<Hello>, Denial> {
        let packet = self.codec.decode(input).map_err(|fault| match fault {
            DecodeError::InvalidClientId => Denial::ClientId,
            DecodeError::InvalidProtocol | DecodeError::UnsupportedProtocolLevel => Denial::Version,
            DecodeError::MaxSizeExceeded { .. } => Denial::TooLarge,
            _ => Denial::Malformed,
        })?;
        match packet.map(|(packet, _)| packet) {
            None => Ok(None),
            Some(MqttPacket::V3(v3::Packet::Connect(connect))) => Ok(Some(Hello {
                client_id: connect.client_id,
                keep_alive_s: connect.keep_alive,
                will: connect.last_will.map(|will| Will {
                    topic: will.topic,
                    payload: will.message,
                }),
                username: connect.username,
                password: connect.password,
                exchange: false,
            })),
            Some(MqttPacket::V5(v5::Packet::Connect(connect))) => {
                if let (Some(bytes), MqttCodec::V5(codec)) =
                    (connect.max_packet_size, &mut self.codec)
                {
                    codec.set_max_outbound_size(bytes.get());
                }
                Ok(Some(Hello {
                    client_id: connect.client_id,
                    keep_alive_s: connect.keep_alive,
                    will: connect.last_will.map(|will| Will {
                        topic: will.topic,
                        payload: will.message,
                    }),
                    username: connect.username,
                    password: connect.password,
                    exchange: connect.auth_method.is_some(),
                }))
            }
            Some(_) => Err(Denial::Malformed),
        }
    }

    /// The next whole packet of the input.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Received>, WireFault> {
        let packet = self.codec.decode(input).map_err(WireFault::new)?;
        Ok(packet.map(|(packet, _)| match packet {
            MqttPacket::V3(packet) => received_v3(packet),
            MqttPacket::V5(packet) => received_v5(packet),
            MqttPacket::Version(_) => Received::OutOfPlace,
        }))
    }

    /// CONNACK of an accepted client. No session is ever kept.
    pub(super) fn welcome(&mut self, welcome: Welcome, output: &mut BytesMut) {
        let v3 = v3::Packet::ConnectAck(v3::ConnectAck {
            return_code: v3::ConnectAckReason::ConnectionAccepted,
            session_present: false,
        });
        let v5 = v5::ConnectAck {
            session_expiry_interval_secs: Some(0),
            receive_max: welcome.receive_maximum,
            max_packet_size: Some(welcome.packet_bytes_max),
            assigned_client_id: welcome.assigned_client_id.map(ByteString::from),
            topic_alias_max: welcome.topic_alias_max,
            wildcard_subscription_available: false,
            subscription_identifiers_available: false,
            shared_subscription_available: false,
            server_keepalive_sec: welcome.server_keep_alive_s,
            ..v5::ConnectAck::default()
        };
        self.put(v3, v5.into(), output);
    }

    /// CONNACK of a denied client.
    pub(super) fn deny(&mut self, denial: Denial, output: &mut BytesMut) {
        use v3::ConnectAckReason as Code;
        use v5::ConnectAckReason as Reason;
        let (code, reason_code) = match denial {
            Denial::Version => (
                Code::UnacceptableProtocolVersion,
                Reason::UnsupportedProtocolVersion,
            ),
            Denial::ClientId => (Code::IdentifierRejected, Reason::ClientIdentifierNotValid),
            Denial::Password => (Code::BadUserNameOrPassword, Reason::BadUserNameOrPassword),
            Denial::NotPermitted => (Code::NotAuthorized, Reason::NotAuthorized),
            Denial::Exchange => (Code::NotAuthorized, Reason::BadAuthenticationMethod),
            Denial::Malformed => (Code::NotAuthorized, Reason::MalformedPacket),
            Denial::TooLarge => (Code::NotAuthorized, Reason::PacketTooLarge),
            Denial::Stopping => (Code::ServiceUnavailable, Reason::ServerUnavailable),
        };
        let v3 = v3::Packet::ConnectAck(v3::ConnectAck {
            return_code: code,
            session_present: false,
        });
        let v5 = v5::ConnectAck {
            reason_code,
            ..v5::ConnectAck::default()
        };
        self.put(v3, v5.into(), output);
    }

    /// PUBACK; a reason other than success is for MQTT 5 only.
    pub(super) fn ack(
        &mut self,
        packet_id: NonZeroU16,
        reason_code: PublishAckReason,
        output: &mut BytesMut,
    ) {
        let v5 = v5::PublishAck {
            packet_id,
            reason_code,
            ..v5::PublishAck::default()
        };
        self.put(
            v3::Packet::PublishAck { packet_id },
            v5::Packet::PublishAck(v5),
            output,
        );
    }

    /// PUBREC; a reason other than success is for MQTT 5 only.
    pub(super) fn receipt(
        &mut self,
        packet_id: NonZeroU16,
        reason_code: PublishAckReason,
        output: &mut BytesMut,
    ) {
        let v5 = v5::PublishAck {
            packet_id,
            reason_code,
            ..v5::PublishAck::default()
        };
        self.put(
            v3::Packet::PublishReceived { packet_id },
            v5::Packet::PublishReceived(v5),
            output,
        );
    }

    /// PUBCOMP.
    pub(super) fn complete(&mut self, packet_id: NonZeroU16, known: bool, output: &mut BytesMut) {
        let reason_code = if known {
            v5::PublishAck2Reason::Success
        } else {
            v5::PublishAck2Reason::PacketIdNotFound
        };
        let v5 = v5::PublishAck2 {
            packet_id,
            reason_code,
            properties: Vec::new(),
            reason_string: None,
        };
        self.put(
            v3::Packet::PublishComplete { packet_id },
            v5::Packet::PublishComplete(v5),
            output,
        );
    }

    /// SUBACK that refuses every filter.
    pub(super) fn no_subscription(
        &mut self,
        packet_id: NonZeroU16,
        filters: usize,
        output: &mut BytesMut,
    ) {
        let v3 = v3::Packet::SubscribeAck {
            packet_id,
            status: vec![v3::SubscribeReturnCode::Failure; filters],
        };
        let v5 = v5::SubscribeAck {
            packet_id,
            properties: Vec::new(),
            reason_string: None,
            status: vec![v5::SubscribeAckReason::NotAuthorized; filters],
        };
        self.put(v3, v5.into(), output);
    }

    /// UNSUBACK: there was no such subscription.
    pub(super) fn not_subscribed(
        &mut self,
        packet_id: NonZeroU16,
        filters: usize,
        output: &mut BytesMut,
    ) {
        let v5 = v5::UnsubscribeAck {
            packet_id,
            properties: Vec::new(),
            reason_string: None,
            status: vec![v5::UnsubscribeAckReason::NoSubscriptionExisted; filters],
        };
        self.put(
            v3::Packet::UnsubscribeAck { packet_id },
            v5::Packet::UnsubscribeAck(v5),
            output,
        );
    }

    /// PINGRESP.
    pub(super) fn pong(&mut self, output: &mut BytesMut) {
        self.put(v3::Packet::PingResponse, v5::Packet::PingResponse, output);
    }

    /// DISCONNECT with its reason, for MQTT 5; a 3.1.1 server just closes.
    pub(super) fn farewell(&mut self, reason: DisconnectReasonCode, output: &mut BytesMut) {
        if self.has_reasons() {
            let packet = MqttPacket::V5(v5::Disconnect::new(reason).into());
            self.encode(packet, output);
        }
    }

    fn put(&mut self, v3: v3::Packet, v5: v5::Packet, output: &mut BytesMut) {
        let packet = if self.has_reasons() {
            MqttPacket::V5(v5)
        } else {
            MqttPacket::V3(v3)
        };
        self.encode(packet, output);
    }

    /// An answer fails to encode only when it is larger than the client takes; the protocol says to leave it
    /// out then.
    fn encode(&mut self, packet: MqttPacket, output: &mut BytesMut) {
        if let Err(fault) = self.codec.encode(packet, output) {
            tracing::debug!(%fault, "mqtt answer left out");
        }
    }
}

fn received_v3(packet: v3::Packet) -> Received {
    match packet {
        v3::Packet::Publish(publish) => Received::Publish(publish),
        v3::Packet::PublishRelease { packet_id } => Received::Release(packet_id),
        v3::Packet::Subscribe {
            packet_id,
            topic_filters,
        } => Received::Subscribe {
            packet_id,
            filters: topic_filters.len(),
        },
        v3::Packet::Unsubscribe {
            packet_id,
            topic_filters,
        } => Received::Unsubscribe {
            packet_id,
            filters: topic_filters.len(),
        },
        v3::Packet::PingRequest => Received::Ping,
        v3::Packet::Disconnect => Received::Goodbye { with_will: false },
        _ => Received::OutOfPlace,
    }
}

fn received_v5(packet: v5::Packet) -> Received {
    match packet {
        v5::Packet::Publish(publish) => Received::Publish(publish),
        v5::Packet::PublishRelease(release) => Received::Release(release.packet_id),
        v5::Packet::Subscribe(subscribe) => Received::Subscribe {
            packet_id: subscribe.packet_id,
            filters: subscribe.topic_filters.len(),
        },
        v5::Packet::Unsubscribe(unsubscribe) => Received::Unsubscribe {
            packet_id: unsubscribe.packet_id,
            filters: unsubscribe.topic_filters.len(),
        },
        v5::Packet::PingRequest => Received::Ping,
        v5::Packet::Disconnect(goodbye) => Received::Goodbye {
            with_will: goodbye.reason_code != DisconnectReasonCode::NormalDisconnection,
        },
        _ => Received::OutOfPlace,
    }
}
