
†
kinds2.protokinds"g
Event
id (	Rid
seen (	Rseen
raw (	Rraw
took (	Rtook
ratio (	Rratiobproto3