"""The real libvmaf and what it says: FFmpeg, media, features, teachers, the domain of a teacher."""
