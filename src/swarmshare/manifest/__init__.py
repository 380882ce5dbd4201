"""What is shared: BEP 52 manifests, their Merkle trees and names. Pure: bytes in, values out."""
