//! What the reader does with many bytes at once: MD5 of several streams, and the marks of JSON text.
//!
//! Each has a form for AVX2, which is chosen when the program runs, and one that every processor can run. Both give
//! the same results, which tests compare. This is the only crate with unsafe code; all of it is in the two `avx2`
//! modules.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub mod marks;
pub mod md5;
mod portable;

/// Whether this processor has AVX2. The answer is kept by the standard library.
fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
