//! The component's allocator. It aborts the instance when no memory is left.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, but it aborts when no memory is left. The standard library would print a message first,
/// which nothing reads.
struct AbortWithoutMemory;

#[expect(unsafe_code, reason = "an allocator is unsafe; this one passes each call on")]
// SAFETY: each call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for AbortWithoutMemory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_abort(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_abort(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        or_abort(unsafe { System.realloc(at, layout, size) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

fn or_abort(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        std::process::abort();
    }
    memory
}

#[global_allocator]
static ALLOCATOR: AbortWithoutMemory = AbortWithoutMemory;
