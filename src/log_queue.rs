//! The way to standard error: a bounded queue that never blocks, never fails, and counts what it drops.
//!
//! A reader that is slow, gone, or never there, and a full disk, cost lines of the log and nothing else: a
//! thread of its own writes, and is the only one that ever waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// How much may wait to be written, in bytes; what comes beyond is dropped.
const CAPACITY: usize = 1 << 20;
/// The longest line; the rest of a longer one is cut off.
const LONGEST_LINE: usize = 64 << 10;
/// The pause where standard error takes nothing for now and does not wait by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// The queue to standard error, once there is one.
static STANDARD_ERROR: OnceLock<LogQueue> = OnceLock::new();

/// Lines of the log that were lost since the start.
pub fn dropped() -> u64 {
    STANDARD_ERROR.get().map_or(0, LogQueue::dropped)
}

/// Waits until all of the log is written, at most so long: whoever ends waits for no reader.
pub fn flush(within: Duration) {
    if let Some(queue) = STANDARD_ERROR.get() {
        queue.flush(within);
    }
}

/// Writes a program's last words to standard error, after what was logged, and waits at most so long for it.
pub fn last_words(words: &str, within: Duration) {
    let queue = LogQueue::standard_error();
    queue.push(format!("{words}\n").as_bytes());
    queue.flush(within);
}

/// What waits to be written, for any thread.
pub struct LogQueue {
    shared: Arc<SharedQueue>,
}

struct SharedQueue {
    state: Mutex<LineQueue>,
    /// There is something to write.
    wake: Condvar,
    /// Nothing waits any more.
    written: Condvar,
    /// Lines that were lost since the start.
    dropped: AtomicU64,
}

#[derive(Default)]
struct LineQueue {
    lines: VecDeque<Vec<u8>>,
    /// Of `lines` and of what is being written.
    bytes: usize,
    /// There is no thread to write, or no queue any more: nothing is taken.
    dead: bool,
}

impl LogQueue {
    /// The queue to standard error, of which there is one.
    pub fn standard_error() -> &'static Self {
        STANDARD_ERROR.get_or_init(|| Self::new(io::stderr()))
    }

    /// A queue whose thread writes to `output`.
    fn new(output: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(SharedQueue {
            state: Mutex::default(),
            wake: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let writer = LogWriter { shared: Arc::clone(&shared), output, reported: 0 };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || writer.run());
        shared.lock().dead = thread.is_err();
        Self { shared }
    }

    /// Waits until nothing waits to be written, at most so long.
    fn flush(&self, within: Duration) {
        let state = self.shared.lock();
        let unwritten = |state: &mut LineQueue| state.bytes > 0 && !state.dead;
        // Whether all is written or the time is up, there is nothing more to do.
        let _ = self.shared.written.wait_timeout_while(state, within, unwritten);
    }

    /// Takes a line, or drops it where there is no room.
    fn push(&self, line: &[u8]) {
        let line = cut(line);
        let mut state = self.shared.lock();
        if state.dead || state.bytes + line.len() > CAPACITY {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.shared.wake.notify_one();
    }

    fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LogQueue {
    fn drop(&mut self) {
        self.shared.lock().dead = true;
        self.shared.wake.notify_one();
    }
}

/// Each write is one line.
impl Write for &LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, LineQueue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that waits for the reader.
struct LogWriter<W> {
    shared: Arc<SharedQueue>,
    output: W,
    /// How many lost lines the log has reported.
    reported: u64,
}

impl<W: Write> LogWriter<W> {
    fn run(mut self) {
        while let Some(lines) = self.next_lines() {
            for line in lines {
                match write_whole(&mut self.output, &line) {
                    Ok(()) => self.report_lost(),
                    Err(_) => _ = self.shared.dropped.fetch_add(1, Ordering::Relaxed),
                }
                self.shared.lock().bytes -= line.len();
            }
        }
    }

    /// Waits for lines, and takes all that are there; none once the queue is gone.
    fn next_lines(&self) -> Option<VecDeque<Vec<u8>>> {
        let mut state = self.shared.lock();
        while state.lines.is_empty() && !state.dead {
            self.shared.written.notify_all();
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let lines = std::mem::take(&mut state.lines);
        (!lines.is_empty()).then_some(lines)
    }

    /// The log is written again: says how much of it is missing.
    fn report_lost(&mut self) {
        let since_start = self.shared.dropped.load(Ordering::Relaxed);
        let lines = since_start - std::mem::replace(&mut self.reported, since_start);
        if lines > 0 {
            tracing::error!(lines, since_start, "log lines dropped: nobody took them in time");
        }
    }
}

/// A line to keep, not longer than the longest.
fn cut(line: &[u8]) -> Vec<u8> {
    match line.get(..LONGEST_LINE) {
        None => line.to_vec(),
        Some(begin) => [begin, b"\n"].concat(),
    }
}

/// Writes all of a line, whatever pauses that takes.
fn write_whole(output: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match output.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => thread::sleep(BUSY_PAUSE),
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Longer than any test takes.
    const LONG: Duration = Duration::from_secs(60);

    /// Hands on what is written, in steps that the test allows; fails where it says so.
    struct Reader {
        steps: mpsc::Receiver<io::Result<usize>>,
        read: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let Ok(step) = self.steps.recv() else { return Err(ErrorKind::BrokenPipe.into()) };
            let taken = step?.min(bytes.len());
            self.read.send(bytes[..taken].to_vec()).unwrap();
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (LogQueue, mpsc::Sender<io::Result<usize>>, mpsc::Receiver<Vec<u8>>) {
        let (allow, steps) = mpsc::channel();
        let (read, taken) = mpsc::channel();
        (LogQueue::new(Reader { steps, read }), allow, taken)
    }

    #[test]
    fn a_reader_that_reads_nothing_costs_lines_and_no_time() {
        let (queue, _allow, _taken) = queue();
        let line = [b'x'; 1000];
        for _ in 0..10_000 {
            queue.push(&line);
        }
        let kept = CAPACITY as u64 / 1000;
        assert!((10_000 - kept..=10_000 - kept + 2).contains(&queue.dropped()), "{}", queue.dropped());
        queue.flush(Duration::from_millis(1));
    }

    #[test]
    fn a_reader_that_is_gone_costs_lines_and_is_counted() {
        let (queue, allow, _taken) = queue();
        drop(allow);
        (0..3).for_each(|_| queue.push(b"line\n"));
        queue.flush(LONG);
        assert_eq!(queue.dropped(), 3);
    }

    #[test]
    fn a_line_that_is_taken_in_pieces_with_pauses_arrives_whole() {
        let (queue, allow, taken) = queue();
        queue.push(b"a line\n");
        let pauses = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
        for step in [Ok(2), Err(pauses[0].into()), Ok(3), Err(pauses[1].into()), Ok(9)] {
            allow.send(step).unwrap();
        }
        queue.flush(LONG);
        assert_eq!(taken.try_iter().collect::<Vec<_>>().concat(), b"a line\n");
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn a_full_disk_that_has_room_again_takes_what_comes_then() {
        let (queue, allow, taken) = queue();
        allow.send(Err(ErrorKind::StorageFull.into())).unwrap();
        allow.send(Ok(9)).unwrap();
        queue.push(b"lost\n");
        queue.push(b"kept\n");
        queue.flush(LONG);
        assert_eq!(taken.try_iter().collect::<Vec<_>>().concat(), b"kept\n");
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let cut = cut(&vec![b'x'; 1 << 20]);
        assert_eq!((cut.len(), cut.last()), (LONGEST_LINE + 1, Some(&b'\n')));
        assert_eq!(super::cut(b"short\n"), b"short\n");
    }
}
