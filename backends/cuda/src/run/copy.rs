//! Bytes to the device and from it.

use super::device::Device;
use cotangent_jit::Error;
use cudarc::driver::result;

impl Device {
    /// Copies to the device, in the order of the queue. The bytes may go when the call returns.
    ///
    /// # Safety
    /// As many bytes at the address are this device's and the caller's to write.
    pub unsafe fn write(&self, to: u64, from: &[u8]) -> Result<(), Error> {
        if from.is_empty() {
            return Ok(());
        }
        let stream = self.stream()?;
        // SAFETY: the caller's promise. The driver takes a copy of pageable memory before it
        // returns.
        let done = unsafe { result::memcpy_htod_async(to, from, stream) };
        self.checked("cuMemcpyHtoDAsync", done)
    }

    /// Waits for all work, then copies from the device.
    ///
    /// # Safety
    /// As many bytes at the address are this device's and initialised.
    pub unsafe fn read(&self, from: u64, to: &mut [u8]) -> Result<(), Error> {
        if to.is_empty() {
            return self.synchronize();
        }
        let stream = self.stream()?;
        // SAFETY: the caller's promise; the bytes are not touched until the stream is done.
        let done = unsafe { result::memcpy_dtoh_async(to, from, stream) };
        self.checked("cuMemcpyDtoHAsync", done)?;
        self.synchronize()
    }
}
