//! Two computations on many bytes at once: MD5 of several streams, and the positions of structural bytes in JSON text.
//!
//! Each has a version for AVX2, which is chosen at run time, and a portable version for all processors. Tests check
//! that both give the same results. This is the only crate with unsafe code, and all of it is in the module `avx2`.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub mod block;
pub mod marks;
pub mod md5;
mod portable;

/// Whether this processor has AVX2. The standard library caches the answer.
fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
