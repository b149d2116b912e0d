#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "starts itself again beside the worker, reads what is asked of it from the environment, and lists it"
)]
//! A worker that misbehaves on the pipe, for tests of whoever listens to workers.
//!
//! A man in the middle: the real worker runs unchanged, and a pump beside it carries the frames and spoils them.
//! Does not know what the tasks are; knows frames, and the one message that tells a worker to leave.
//!
//! ```text
//! MYRIAPOD_POOL_IMAGE=target/debug/examples/faulty_worker MYRIAPOD_FAULTY_REAL=target/debug/myriapod \
//!     MYRIAPOD_FAULT=torn MYRIAPOD_FAULT_AFTER=3 target/debug/myriapod crawl ...
//! ```
//!
//! `MYRIAPOD_FAULT` names the fault (`--list` prints them); it shows after `MYRIAPOD_FAULT_AFTER` frames (0). With
//! `MYRIAPOD_FAULT_TIMES=K` only the first K workers misbehave, counted in the file `MYRIAPOD_FAULT_COUNTER`.
//!
//! Invariants:
//! - the worker is the process that the master started, so the master sees its end and is its parent;
//! - the pump holds no end of a pipe that is not its own, and ends when the worker does.

use std::env;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use myriapod::ipc::{MAX_FRAME, ToWorker, encode_message};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::close;

/// What the pool tells a worker: its type of tasks, the descriptors it reads and writes, and perhaps others.
const ASSIGNMENT: &str = "MYRIAPOD_POOL_WORKER";

/// How late a late frame is.
const DELAY: Duration = Duration::from_millis(30);

/// Bytes before the payload of a frame: its length.
const HEADER: usize = 4;

/// Every fault with its name and what it does.
const FAULTS: &[(&str, Fault, &str)] = &[
    ("none", Fault::None, "carries every frame as it is"),
    ("twice", Fault::Twice, "sends every frame of the worker twice"),
    ("rubbish", Fault::Rubbish, "sends 64 bytes that are no message, as a frame"),
    ("oversize", Fault::Oversize, "announces a frame of 4 GiB"),
    ("dribble", Fault::Dribble, "sends one byte at a time"),
    ("torn", Fault::Torn, "sends half a frame, then closes"),
    ("close-early", Fault::CloseEarly, "closes between two frames while the worker lives"),
    ("mute", Fault::Mute, "sends nothing more and keeps the pipe open"),
    ("ignore-drain", Fault::IgnoreDrain, "does not tell the worker to leave"),
    ("late", Fault::Late, "sends every frame some time later"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Twice,
    Rubbish,
    Oversize,
    Dribble,
    Torn,
    CloseEarly,
    Mute,
    IgnoreDrain,
    Late,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--list"] => {
            FAULTS.iter().for_each(|(name, _, about)| println!("{name:<13} {about}"));
            Ok(())
        }
        ["pump", fault, from_master, to_master, from_worker, to_worker] => {
            let (from_master, to_worker) = (reader(from_master)?, writer(to_worker)?);
            let (from_worker, to_master) = (reader(from_worker)?, writer(to_master)?);
            let fault = fault_named(fault)?;
            thread::spawn(move || carry_orders(fault, from_master, to_worker));
            carry_answers(fault, number("MYRIAPOD_FAULT_AFTER")?.unwrap_or(0), from_worker, to_master);
            Ok(())
        }
        _ => become_worker(),
    }
}

/// Puts a pump between the master and this process, then is the real worker.
fn become_worker() -> Result<(), Box<dyn Error>> {
    let assignment = env::var(ASSIGNMENT)?;
    let parts: Vec<&str> = assignment.split('|').collect();
    let [task, reads, writes, others @ ..] = parts.as_slice() else {
        return Err(format!("{ASSIGNMENT} names no descriptors").into());
    };
    let asked = env::var("MYRIAPOD_FAULT").unwrap_or_default();
    let fault = if misbehaves_this_time()? { asked.as_str() } else { "none" };
    let (worker_reads, pump_writes) = io::pipe()?;
    let (pump_reads, worker_writes) = io::pipe()?;
    keep_over_exec(&pump_reads)?;
    keep_over_exec(&pump_writes)?;
    let [from_worker, to_worker] =
        [pump_reads.as_raw_fd(), pump_writes.as_raw_fd()].map(|end| end.to_string());
    Command::new("/proc/self/exe")
        .args(["pump", fault, *reads, *writes, &from_worker, &to_worker])
        .env_remove(ASSIGNMENT)
        .spawn()?;
    drop((pump_reads, pump_writes));
    close(reads.parse::<RawFd>()?)?;
    close(writes.parse::<RawFd>()?)?;

    keep_over_exec(&worker_reads)?;
    keep_over_exec(&worker_writes)?;
    let [reads, writes] = [worker_reads.as_raw_fd(), worker_writes.as_raw_fd()].map(|end| end.to_string());
    let assignment = [&[*task, &reads, &writes][..], others].concat().join("|");
    let real = env::var_os("MYRIAPOD_FAULTY_REAL").ok_or("MYRIAPOD_FAULTY_REAL names no program")?;
    let name = env::args_os().next().unwrap_or_default();
    Err(Command::new(real).arg0(name).env(ASSIGNMENT, assignment).exec().into())
}

/// Whether this is one of the workers that are to misbehave: all, or the first few.
fn misbehaves_this_time() -> Result<bool, Box<dyn Error>> {
    let Some(times) = number("MYRIAPOD_FAULT_TIMES")? else { return Ok(true) };
    let counter = env::var_os("MYRIAPOD_FAULT_COUNTER").ok_or("MYRIAPOD_FAULT_COUNTER names no file")?;
    let mut counter = OpenOptions::new().append(true).create(true).open(counter)?;
    counter.write_all(b".")?;
    // Where this byte landed, whoever else writes at the same time.
    Ok(counter.stream_position()? <= times)
}

/// From the master to the worker. When the master is gone, the worker is to see it.
fn carry_orders(fault: Fault, mut from_master: File, mut to_worker: File) {
    let drain = encode_message(&ToWorker::<()>::Drain).expect("a word fits a frame");
    while let Some(frame) = read_frame(&mut from_master) {
        if fault == Fault::IgnoreDrain && frame == drain {
            continue;
        }
        if to_worker.write_all(&frame).is_err() {
            return;
        }
    }
}

/// From the worker to the master, until the worker is gone. What the master does not get is read all the same:
/// a fault here must not stop the worker.
fn carry_answers(fault: Fault, after: u64, mut from_worker: File, to_master: File) {
    let mut to_master = Some(to_master);
    let mut n_frames = 0;
    while let Some(frame) = read_frame(&mut from_worker) {
        let fault = if n_frames < after { Fault::None } else { fault };
        n_frames += 1;
        to_master = to_master.take_if(|pipe| send(fault, &frame, pipe).is_ok());
    }
}

/// Sends a frame as the fault has it. An error is the end of the pipe, whoever made it end.
fn send(fault: Fault, frame: &[u8], to_master: &mut File) -> io::Result<()> {
    match fault {
        Fault::None | Fault::IgnoreDrain => to_master.write_all(frame),
        Fault::Twice => to_master.write_all(&[frame, frame].concat()),
        Fault::Rubbish => to_master.write_all(&rubbish()),
        Fault::Oversize => to_master.write_all(&u32::MAX.to_le_bytes()),
        Fault::Dribble => frame.iter().try_for_each(|byte| to_master.write_all(&[*byte])),
        Fault::Torn => {
            to_master.write_all(&frame[..frame.len() / 2])?;
            Err(io::ErrorKind::BrokenPipe.into())
        }
        Fault::CloseEarly => Err(io::ErrorKind::BrokenPipe.into()),
        Fault::Mute => Ok(()),
        Fault::Late => {
            thread::sleep(DELAY);
            to_master.write_all(frame)
        }
    }
}

/// A frame of a plausible length whose bytes are no message: they follow no pattern, and the first is no variant.
fn rubbish() -> Vec<u8> {
    const LENGTH: u8 = 64;
    let noise = (0..LENGTH).map(|nth| nth.wrapping_mul(167).rotate_left(u32::from(nth) % 7) ^ 0x9e);
    [LENGTH, 0, 0, 0].into_iter().chain(noise).collect()
}

/// The next whole frame with its length; none where the stream ends or is no stream of frames.
fn read_frame(source: &mut File) -> Option<Vec<u8>> {
    let mut header = [0; HEADER];
    source.read_exact(&mut header).ok()?;
    let length = usize::try_from(u32::from_le_bytes(header)).ok().filter(|length| *length <= MAX_FRAME)?;
    let mut frame = vec![0; HEADER + length];
    frame[..HEADER].copy_from_slice(&header);
    source.read_exact(&mut frame[HEADER..]).ok()?;
    Some(frame)
}

fn fault_named(asked: &str) -> Result<Fault, String> {
    let found = FAULTS.iter().find(|(name, ..)| *name == asked);
    found
        .map(|(_, fault, _)| *fault)
        .ok_or_else(|| format!("there is no fault {asked:?}; --list prints them"))
}

fn number(variable: &str) -> Result<Option<u64>, Box<dyn Error>> {
    Ok(env::var(variable).ok().map(|text| text.parse()).transpose()?)
}

fn keep_over_exec(end: &impl AsFd) -> nix::Result<()> {
    fcntl(end, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)
}

fn reader(descriptor: &str) -> Result<File, Box<dyn Error>> {
    take_over(descriptor, OpenOptions::new().read(true))
}

fn writer(descriptor: &str) -> Result<File, Box<dyn Error>> {
    take_over(descriptor, OpenOptions::new().write(true))
}

/// Opens an inherited pipe anew and closes the inherited number: the safe way to own it.
fn take_over(descriptor: &str, options: &OpenOptions) -> Result<File, Box<dyn Error>> {
    let file = options.open(format!("/proc/self/fd/{descriptor}"))?;
    close(descriptor.parse::<RawFd>()?)?;
    Ok(file)
}
