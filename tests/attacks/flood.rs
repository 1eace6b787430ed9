//! A client that sends as fast as the broker takes it, and never mind the contract.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use bytes::BytesMut;
use rumqttc::{Connect, Publish, QoS};

/// So much leaves in one write.
const WRITE: usize = 1 << 18;

/// Sends each of these, and waits until the broker has taken all or closed the connection; says whether it took all.
pub fn flood<P: Into<Vec<u8>>>(port: u16, qos: QoS, messages: impl IntoIterator<Item = (String, P)>) -> bool {
    send(port, qos, false, messages).is_ok()
}

/// The same of messages that are kept.
pub fn flood_retained<P: Into<Vec<u8>>>(port: u16, messages: impl IntoIterator<Item = (String, P)>) -> bool {
    send(port, QoS::AtLeastOnce, true, messages).is_ok()
}

fn send<P: Into<Vec<u8>>>(
    port: u16,
    qos: QoS,
    retain: bool,
    messages: impl IntoIterator<Item = (String, P)>,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut out = BytesMut::new();
    let mut connect = Connect::new(format!("attacker-{:?}", thread::current().id()));
    connect.keep_alive = 0;
    connect.write(&mut out).map_err(io::Error::other)?;
    let answers = stream.try_clone()?;
    let answered = thread::spawn(move || until_answered(answers));
    for (number, (topic, payload)) in messages.into_iter().enumerate() {
        let mut publish = Publish::new(format!("wardwatch/{topic}"), qos, payload);
        publish.retain = retain;
        publish.pkid = (number % usize::from(u16::MAX)) as u16 + 1;
        publish.write(&mut out).map_err(io::Error::other)?;
        if out.len() >= WRITE {
            stream.write_all(&out)?;
            out.clear();
        }
    }
    // A PINGREQ is answered when all before it has been taken.
    out.extend_from_slice(&[0xc0, 0]);
    stream.write_all(&out)?;
    let taken = answered.join().map_err(|_| io::Error::other("the reader ended"))?;
    let _ = stream.shutdown(Shutdown::Both);
    taken
}

/// Reads short packets until the answer to the PINGREQ.
fn until_answered(stream: TcpStream) -> io::Result<()> {
    let mut answers = io::BufReader::new(stream);
    let mut head = [0; 2];
    loop {
        answers.read_exact(&mut head)?;
        if head[0] == 0xd0 {
            return Ok(());
        }
        io::copy(&mut (&mut answers).take(u64::from(head[1])), &mut io::sink())?;
    }
}

/// Subscribes to everything and reads nothing for as long as its value lives.
pub fn deaf_subscriber(port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let mut out = BytesMut::new();
    let mut connect = Connect::new("deaf");
    connect.keep_alive = 0;
    connect.write(&mut out).map_err(io::Error::other)?;
    let mut subscribe = rumqttc::Subscribe::new("wardwatch/#", QoS::AtLeastOnce);
    subscribe.pkid = 1;
    subscribe.write(&mut out).map_err(io::Error::other)?;
    stream.write_all(&out)?;
    Ok(stream)
}
