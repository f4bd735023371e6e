
û
google/protobuf/duration.protogoogle.protobuf":
Duration
seconds (Rseconds
nanos (RnanosBƒ
com.google.protobufBDurationProtoPZ1google.golang.org/protobuf/types/known/durationpbø¢GPBªGoogle.Protobuf.WellKnownTypesbproto3
ÿ
google/protobuf/timestamp.protogoogle.protobuf";
	Timestamp
seconds (Rseconds
nanos (RnanosB…
com.google.protobufBTimestampProtoPZ2google.golang.org/protobuf/types/known/timestamppbø¢GPBªGoogle.Protobuf.WellKnownTypesbproto3
ÿ
kinds1.protokindsgoogle/protobuf/duration.protogoogle/protobuf/timestamp.proto"ž
Event
id (	Rid.
seen (2.google.protobuf.TimestampRseen
raw (Rraw-
took (2.google.protobuf.DurationRtook
ratio (Rratiobproto3