//! The component's allocator: it ends the instance when there is no memory.

use std::alloc::{GlobalAlloc, Layout, System};

/// Ends the instance where there is no memory: the allocator of the standard library
/// would write about it first, and there is nobody to write to.
struct OrEnd;

#[expect(unsafe_code, reason = "an allocator is unsafe; this one hands on what it is given")]
// Safe: each call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for OrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_end(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_end(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        or_end(unsafe { System.realloc(at, layout, size) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

fn or_end(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        std::process::abort();
    }
    memory
}

#[global_allocator]
static ALLOCATOR: OrEnd = OrEnd;
