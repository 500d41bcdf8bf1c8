//! Pixels as PNG: 8 bits for red, green and blue.

use crate::io::zip::crc;
use miniz_oxide::deflate::compress_to_vec_zlib;

const LEVEL: u8 = 6;

/// Rows of so many pixels, three bytes each. Pixels that do not fill a row are left out.
pub(super) fn png(width: usize, rgb: &[u8]) -> Vec<u8> {
    let row = 3 * width.max(1);
    let mut rows = Vec::with_capacity(rgb.len() + rgb.len() / row + 1);
    for pixels in rgb.chunks_exact(row) {
        // Each byte as the difference to the pixel before: pictures are smooth.
        rows.push(1);
        for (n, byte) in pixels.iter().enumerate() {
            let before = if n < 3 { 0 } else { pixels[n - 3] };
            rows.push(byte.wrapping_sub(before));
        }
    }
    let mut header = Vec::new();
    header.extend((width.max(1) as u32).to_be_bytes());
    header.extend(((rgb.len() / row) as u32).to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &compress_to_vec_zlib(&rows, LEVEL));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    file.extend(data);
    let sum = crc(&file[start..], 0);
    file.extend(sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_picture() {
        let file = png(1, &[255, 0, 0]);
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(crc(b"IEND", 0), 0xae42_6082);
        let data = &file[41..file.len() - 16];
        let rows = miniz_oxide::inflate::decompress_to_vec_zlib(data).expect("a stream");
        assert_eq!(rows, [1, 255, 0, 0]);
    }
}
