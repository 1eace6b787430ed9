//! Attacks by a broker that is none, or a broken one: it must cost neither the process nor the machine.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use tokio::time::sleep;

use super::report::{MEMORY, Row, Table};
use super::site::{SETTINGS, memory};
use super::ward::Program;

/// For how long the service is left with such a broker.
const FOR: Duration = Duration::from_secs(4);
/// How often it may try to connect in that time, both of its connections counted.
const MOST_TRIES: u32 = 20;
/// How much of that time it may work, in hundredths of a second.
const MOST_WORK: u64 = 200;

/// What such a broker answers to a CONNECT of this protocol level.
type Answer = fn(level: u8) -> Vec<u8>;

/// What is answered, and by which name.
const BROKERS: [(&str, Answer); 6] = [
    ("a broker that never answers", |_| Vec::new()),
    ("a broker with Receive Maximum 0", |level| match level {
        // CONNACK with the one property: no message may be on its way.
        5 => vec![0x20, 6, 0, 0, 3, 0x21, 0, 0],
        _ => vec![0x20, 2, 0, 0],
    }),
    (
        "a broker that rejects",
        |level| if level == 5 { vec![0x20, 3, 0, 0x87, 0] } else { vec![0x20, 2, 0, 5] },
    ),
    ("a broker that answers at random", |_| {
        (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }),
    ("a broker that announces 256 MB", |level| {
        let mut answer = if level == 5 { vec![0x20, 3, 0, 0, 0] } else { vec![0x20, 2, 0, 0] };
        answer.extend([0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'x']);
        answer.extend(vec![b'y'; 1 << 20]);
        answer
    }),
    ("a broker of another protocol", |_| b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()),
];

/// Side by side, without bystanders: there is no bus.
pub async fn all(table: &mut Table) {
    let wanted = BROKERS.into_iter().filter(|(name, _)| table.wants(name));
    let runs: Vec<_> = wanted.map(|(name, answer)| tokio::spawn(bear(name, answer))).collect();
    for run in runs {
        table.add(run.await.expect("no panic"));
    }
}

async fn bear(name: &'static str, answer: Answer) -> Row {
    let tries = Arc::new(AtomicU32::new(0));
    let port = serve(answer, Arc::clone(&tries));
    let mut program = Program::run(port, SETTINGS);
    sleep(Duration::from_millis(500)).await;
    let idle = memory(&program, "VmRSS:").unwrap_or_default();
    let before = work(&program);
    sleep(FOR).await;
    let (worked, tried) = (work(&program).saturating_sub(before), tries.load(Ordering::Relaxed));
    let peak = memory(&program, "VmHWM:").map(|peak| peak.saturating_sub(idle));
    let mut row = Row { attack: name, says: format!("{tried} tries"), memory: peak, ..Row::default() };
    row.fault(program.is_running(), &format!("the service ended: {}", program.complained()));
    row.fault(tried <= MOST_TRIES, &format!("{tried} tries to connect within {FOR:?}"));
    row.fault(worked <= MOST_WORK, &format!("{worked} hundredths of a second of CPU within {FOR:?}"));
    row.fault(peak.is_some_and(|peak| peak <= MEMORY), &format!("memory above idle: {peak:?}"));
    program.signal("TERM");
    let ended = program.ended().await;
    row.fault(ended.code() == Some(0), &format!("asked to end, it ended with {ended}"));
    row
}

/// The CPU that the program has used, in hundredths of a second.
fn work(program: &Program) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", program.id())).unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Answers each CONNECT so for as long as the test runs, on a free port.
fn serve(answer: Answer, tries: Arc<AtomicU32>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            tries.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || answer_one(stream, answer));
        }
    });
    port
}

/// Answers, and takes whatever comes until the client goes.
fn answer_one(mut stream: TcpStream, answer: Answer) -> io::Result<()> {
    let mut begin = [0; 64];
    let read = stream.read(&mut begin)?;
    let name = begin[..read].windows(4).position(|four| four == b"MQTT");
    let level = name.and_then(|at| begin.get(at + 4)).copied().unwrap_or_default();
    stream.write_all(&answer(level))?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}
