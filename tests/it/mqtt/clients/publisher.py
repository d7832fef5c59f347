# Publishes with paho-mqtt 1.6 as the test says; prints a line a step. Arguments: port, 3 or 5.
import socket
import sys
import threading
import time

import paho.mqtt.client as mqtt

PORT, V5 = int(sys.argv[1]), sys.argv[2] == "5"
TOPIC = "skytier/v1/stations/s1/readings"
STATUS = "skytier/v1/stations/s1/status"


def client(name, keepalive=60, will=False):
    protocol = mqtt.MQTTv5 if V5 else mqtt.MQTTv311
    own = mqtt.Client(client_id=name, protocol=protocol)
    own.connected, own.gone = threading.Event(), threading.Event()
    own.on_connect = lambda *_: own.connected.set()
    own.on_disconnect = lambda *_: own.gone.set()
    own.reconnect_delay_set(60, 60)
    if will:
        own.will_set(STATUS, "offline", qos=1, retain=True)
    own.connect("127.0.0.1", PORT, keepalive)
    return own


def running(name, **kinds):
    own = client(name, **kinds)
    own.loop_start()
    assert own.connected.wait(10), "no CONNACK"
    return own


own = running("python")
for qos in (0, 1, 2):
    said = own.publish(TOPIC, f"qos {qos}", qos=qos)
    said.wait_for_publish(10)
    assert said.is_published()
print("published", flush=True)

said = own.publish(TOPIC, "x" * 200 * 1024, qos=1)
said.wait_for_publish(10)
assert said.is_published()
print("large", flush=True)

many = [own.publish(TOPIC, f"many {number}", qos=1 + number % 2) for number in range(300)]
for said in many:
    said.wait_for_publish(20)
    assert said.is_published()
print("many", flush=True)
own.disconnect()
assert own.gone.wait(10)
own.loop_stop()

first = running("same", will=True)
second = running("same")
assert first.gone.wait(10), "the first connection stays"
first.loop_stop()
said = second.publish(TOPIC, "taken over", qos=1)
said.wait_for_publish(10)
assert said.is_published()
second.disconnect()
print("taken over", flush=True)

lost = running("lost", will=True)
lost.socket().shutdown(socket.SHUT_RDWR)
assert lost.gone.wait(10)
lost.loop_stop()
print("lost", flush=True)

silent = client("silent", keepalive=1, will=True)
while not silent.connected.is_set():
    silent.loop(0.1)
begun, silence = time.monotonic(), silent.socket()
silence.settimeout(10)
said = silence.recv(16)
assert said == b"" or said[0] == 0xE0, said
assert 1.2 < time.monotonic() - begun < 8, "closed after one and a half keep-alives"
print("silent", flush=True)
