module coffre.invalid/agent

go 1.25.0

require (
	filippo.io/age v1.2.1
	github.com/gofrs/flock v0.13.0
	github.com/klauspost/compress v1.18.0
	github.com/minio/minio-go/v7 v7.0.95
	golang.org/x/crypto v0.39.0
	golang.org/x/sys v0.37.0
	golang.org/x/text v0.26.0
)

require (
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-ini/ini v1.67.0 // indirect
	github.com/goccy/go-json v0.10.5 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/cpuid/v2 v2.2.11 // indirect
	github.com/minio/crc64nvme v1.0.2 // indirect
	github.com/minio/md5-simd v1.1.2 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/rs/xid v1.6.0 // indirect
	github.com/tinylib/msgp v1.3.0 // indirect
	golang.org/x/mod v0.29.0 // indirect
	golang.org/x/net v0.41.0 // indirect
)
