"""Where stores lie: folders, S3 buckets, web servers; one way to read and write them all."""
