//! What one input may take: time on a processor, and memory. A target that takes more
//! panics, so that the fuzzer keeps the input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Time of the calling thread for one input, all of its expressions together.
const TIME: Duration = Duration::from_secs(1);
/// What an input may add to the heap, and to the most that the process has held.
const BYTES: usize = 64 << 20;

/// Counts what is allocated, in bytes.
struct Counted {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Counted {
    fn more(&self, bytes: usize) {
        self.most.fetch_max(self.now.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    }

    fn less(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: each call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.more(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.more(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.more(size);
        self.less(layout.size());
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        self.less(layout.size());
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static HEAP: Counted = Counted { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };

/// Counts the most memory held from here on (proc(5), clear_refs): what was set up before is no input's.
pub fn begin() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
}

/// Calls a target and judges what it took.
///
/// # Panics
/// It took too much.
pub fn run(target: fn(&[u8]), bytes: &[u8]) {
    let (began, heap, resident) = (thread_time(), HEAP.now.load(Relaxed), most_resident());
    HEAP.most.store(heap, Relaxed);
    target(bytes);
    let (time, heap) = (thread_time() - began, HEAP.most.load(Relaxed) - heap);
    let resident = most_resident() - resident;
    assert!(time < TIME, "it took {time:?}");
    assert!(heap <= BYTES, "it had {heap} bytes of the heap");
    assert!(resident <= BYTES, "the process grew by {resident} bytes");
}

fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the right type that lives on this stack.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory that this process has held, in bytes.
fn most_resident() -> usize {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to memory of the right size, which any bytes may fill.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    usage.ru_maxrss as usize * 1024
}
