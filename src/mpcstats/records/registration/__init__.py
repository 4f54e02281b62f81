"""The registration of data resources and products on the national public platform (国家公共数据资源登记平台)."""
