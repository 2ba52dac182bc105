//! The root of the binary: no standard library, no `main`. The program starts in `entry`.
#![no_std]
#![no_main]

mod entry;

/// In release builds no path leads here: the call below does not link, so that one panic anywhere in
/// the program fails the build.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(not(debug_assertions))]
    entry::release_build_contains_a_panic_path();
    #[cfg(debug_assertions)]
    pidling::sys::process::exit(125)
}
