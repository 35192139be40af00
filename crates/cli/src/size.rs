//! Limits as people write them: `--memory 1G --cpu 1.5 --disk 10G --pids 200`.

use ostler_model::workload::blueprint::Limits;

/// Limits to set; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Size {
    /// Memory at most, for example 512M or 1.5G (binary units).
    #[arg(long, value_parser = bytes)]
    memory: Option<u64>,
    /// Processors at most, for example 0.5 or 2.
    #[arg(long, value_parser = cpu)]
    cpu: Option<u32>,
    /// Each volume at most, where the node can limit it.
    #[arg(long, value_parser = bytes)]
    disk: Option<u64>,
    /// Processes and threads at most.
    #[arg(long)]
    pids: Option<u32>,
}

impl Size {
    pub(crate) fn is_empty(&self) -> bool {
        self.memory.is_none() && self.cpu.is_none() && self.disk.is_none() && self.pids.is_none()
    }
    pub(crate) fn over(&self, base: Limits) -> Limits {
        Limits {
            memory_bytes: self.memory.unwrap_or(base.memory_bytes),
            cpu_millis: self.cpu.unwrap_or(base.cpu_millis),
            pids: self.pids.unwrap_or(base.pids),
            disk_bytes: self.disk.unwrap_or(base.disk_bytes),
        }
    }
}

/// A size: `512M`, `1.5G`, `1GiB`, `1048576`.
fn bytes(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let shift = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("write a size like 512M or 1.5G".to_owned()),
    };
    let size = number.parse::<f64>().unwrap_or(0.0) * (1_u64 << shift) as f64;
    // Sizes of machines are far below 2^53, up to which every whole number is exact.
    if (1.0..9e15).contains(&size) { Ok(size as u64) } else { Err("write a size like 512M or 1.5G".to_owned()) }
}

/// Processors as thousandths.
fn cpu(text: &str) -> Result<u32, String> {
    let millis = text.parse::<f64>().unwrap_or(0.0) * 1000.0;
    if (1.0..1e9).contains(&millis) {
        Ok(millis.round() as u32)
    } else {
        Err("write processors like 0.5 or 2".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_and_nonsense_is_refused() {
        for (text, size) in
            [("512M", 512 << 20), ("1.5G", 3 << 29), ("1GiB", 1 << 30), ("64kb", 64 << 10), ("1048576", 1 << 20)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        assert_eq!((cpu("1.5"), cpu("0.25")), (Ok(1500), Ok(250)));
        for bad in ["", "M", "-1G", "1X", "1.2.3G", "inf", "NaN", "1e300", "99999999T"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        for bad in ["", "0", "-1", "many", "inf", "NaN"] {
            assert!(cpu(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let base = Limits { memory_bytes: 1, cpu_millis: 2, pids: 3, disk_bytes: 4 };
        let size = Size { cpu: Some(9), ..Size::default() };
        assert_eq!(size.over(base), Limits { cpu_millis: 9, ..base });
        assert!(Size::default().is_empty() && !size.is_empty());
    }
}
