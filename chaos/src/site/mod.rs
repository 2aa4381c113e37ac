//! Where the processes run: namespaces of the network or loopback, disks, relays.
