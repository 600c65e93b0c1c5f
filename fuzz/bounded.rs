//! The limits of one input: processor time and memory. A target that exceeds them panics, so that the fuzzer keeps the
//! input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The most processor time of the calling thread for one input.
const TIME: Duration = Duration::from_secs(1);
/// The most bytes that an input may add to the heap, and to the peak memory of the process.
const BYTES: usize = 64 << 20;

/// An allocator that counts the allocated bytes.
struct Counted {
    /// The allocated bytes.
    now: AtomicUsize,
    /// The most allocated bytes since the last reset.
    peak: AtomicUsize,
}

impl Counted {
    fn add(&self, bytes: usize) {
        self.peak.fetch_max(self.now.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: each call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.add(size);
        self.subtract(layout.size());
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        self.subtract(layout.size());
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static HEAP: Counted = Counted { now: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

/// Resets the peak memory of the process (proc(5), clear_refs), so that the setup counts for no input.
///
/// # Panics
/// The peak cannot be reset.
pub fn begin() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
}

/// Runs a target on an input.
///
/// # Panics
/// The target exceeded a limit.
pub fn run(target: fn(&[u8]), bytes: &[u8]) {
    let (start, heap, resident) = (thread_time(), HEAP.now.load(Relaxed), peak_resident());
    HEAP.peak.store(heap, Relaxed);
    target(bytes);
    let (time, heap) = (thread_time() - start, HEAP.peak.load(Relaxed) - heap);
    let resident = peak_resident() - resident;
    assert!(time < TIME, "the input took {time:?}, the limit is {TIME:?}");
    assert!(heap <= BYTES, "the input used {heap} bytes of the heap, the limit is {BYTES}");
    assert!(resident <= BYTES, "the process grew by {resident} bytes, the limit is {BYTES}");
}

/// Returns the processor time of the calling thread.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the right type that lives on this stack.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the peak memory of this process, in bytes.
fn peak_resident() -> usize {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to memory of the right size, which any bytes may fill.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    usage.ru_maxrss as usize * 1024
}
